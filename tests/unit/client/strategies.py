"""What Hypothesis draws: every message the codec must carry."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from grantkeeper_client import Envelope

attributes = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")),
    min_size=1,
    max_size=60,
)
times = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - Hypothesis wants the bounds naive
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
).map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000))

envelopes = st.builds(
    Envelope,
    topic=st.from_regex(r"[a-zA-Z0-9._-]{1,80}", fullmatch=True),
    key=st.none() | st.binary(max_size=64),
    id=attributes,
    type=attributes,
    source=attributes,
    time=times,
    value=st.none() | st.binary(max_size=200),
    subject=st.none() | attributes,
    expirytime=st.none() | times,
    correlation_id=st.none() | attributes,
    traceparent=st.none() | attributes,
    signature=st.none() | attributes,
)
