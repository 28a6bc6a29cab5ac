from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from grantkeeper_client import MalformedMessage, decode, encode, format_time
from schemas.reasons import DEAD_LETTER_REASONS
from tests.unit.client.examples import MESSAGE

Headers = list[tuple[str, bytes | None]]
REQUIRED = ["content-type", "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time"]


def headers_with(**changed: bytes | None) -> Headers:
    """Write the example's headers, each `ce_time=...` replaced; names take "_" for "-"."""
    by_name: dict[str, bytes | None] = dict(encode(MESSAGE))
    by_name |= {("content-type" if name == "content_type" else name): value for name, value in changed.items()}
    return list(by_name.items())


def refusal(headers: Headers, key: bytes | None = b"k", value: bytes | None = b"{}") -> MalformedMessage:
    with pytest.raises(MalformedMessage) as caught:
        decode("t", key, value, headers)
    assert caught.value.reason in DEAD_LETTER_REASONS
    return caught.value


def test_the_headers_are_those_of_the_cloudevents_kafka_binding() -> None:
    assert dict(encode(replace(MESSAGE, signature="s"))) == {
        "content-type": b"application/json",
        "ce_specversion": b"1.0",
        "ce_id": b"0199f7a0-0000-7000-8000-000000000002",
        "ce_type": b"grantkeeper.token.get.v1",
        "ce_source": b"/principals/mail-1",
        "ce_time": b"2026-11-24T08:00:00.123Z",
        "ce_subject": b"0199f7a0-0000-7000-8000-000000000001",
        "ce_expirytime": b"2026-11-24T08:00:10.123Z",
        "correlation_id": b"c-1",
        "traceparent": b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "signature": b"s",
    }


@pytest.mark.parametrize("name", REQUIRED)
def test_a_message_without_a_required_header_is_refused_and_the_header_named(name: str) -> None:
    headers: Headers = [header for header in encode(MESSAGE) if header[0] != name]
    error = refusal(headers)
    assert error.reason == "malformed_envelope"
    assert name in error.detail


@pytest.mark.parametrize("name", [*REQUIRED, "ce_subject", "ce_expirytime", "correlation_id", "traceparent"])
def test_a_doubled_header_is_refused(name: str) -> None:
    headers: Headers = [*encode(MESSAGE), (name, dict(encode(MESSAGE))[name])]
    assert "more than once" in refusal(headers).detail


@pytest.mark.parametrize("name", ["ce_id", "ce_source", "ce_type"])
def test_an_empty_attribute_is_refused(name: str) -> None:
    assert f"header {name} is empty" in refusal(headers_with(**{name: b""})).detail


@pytest.mark.parametrize("version", [b"0.3", b"1.1", b"", b"1.0 "])
def test_another_version_of_cloudevents_is_refused(version: bytes) -> None:
    assert "ce_specversion" in refusal(headers_with(ce_specversion=version)).detail


@pytest.mark.parametrize("content_type", [b"text/plain", b"application/cloudevents+json", b"application/jsonx", b""])
def test_another_content_type_is_refused(content_type: bytes) -> None:
    assert "content-type" in refusal(headers_with(content_type=content_type)).detail


def test_a_content_type_may_name_its_charset() -> None:
    headers = headers_with(content_type=b"Application/JSON; charset=UTF-8")
    assert decode(MESSAGE.topic, MESSAGE.key, MESSAGE.value, headers) == MESSAGE


@pytest.mark.parametrize("value", [b"\xff", b"a\x00b", b"a\nb", "a\u0085b".encode(), None])
def test_a_header_that_is_no_clean_text_is_refused_without_quoting_it(value: bytes | None) -> None:
    for name in ("ce_id", "ce_subject", "correlation_id", "signature"):
        error = refusal(headers_with(**{name: value}))
        assert error.reason == "malformed_envelope"
        assert name in error.detail
        assert "\\x" not in str(error)
        assert error.__cause__ is None


def test_text_with_uncommon_blanks_is_text() -> None:
    headers = headers_with(ce_subject="a\u00a0b\u2003c".encode())
    assert decode("t", None, b"{}", headers).subject == "a\u00a0b\u2003c"


@pytest.mark.parametrize(
    "time",
    [
        b"2026-11-24T08:00:00",  # no zone
        b"2026-11-24 08:00:00Z",
        b"2026-11-24t08:00:00z",
        b"2026-11-24T08:00Z",
        b"2026-W48-2T08:00:00Z",
        b"2026-02-30T08:00:00Z",
        b"2026-11-24T25:00:00Z",
        b"2026-11-24T08:00:00+25:00",
        b"0001-01-01T00:00:00+01:00",  # before the first year
        b"1763971200",
        "２026-11-24T08:00:00Z".encode(),  # noqa: RUF001 - a digit of another script
        b"",
    ],
)
def test_what_is_no_rfc_3339_time_is_refused(time: bytes) -> None:
    assert "ce_time" in refusal(headers_with(ce_time=time)).detail
    assert "ce_expirytime" in refusal(headers_with(ce_expirytime=time)).detail


@pytest.mark.parametrize(
    ("text", "time"),
    [
        (b"2026-11-24T08:00:00Z", datetime(2026, 11, 24, 8, tzinfo=UTC)),
        (b"2026-11-24T09:00:00+01:00", datetime(2026, 11, 24, 8, tzinfo=UTC)),
        (b"2026-11-24T08:00:00.123456789Z", datetime(2026, 11, 24, 8, 0, 0, 123_000, tzinfo=UTC)),
    ],
)
def test_any_rfc_3339_time_is_read_to_the_millisecond_in_utc(text: bytes, time: datetime) -> None:
    assert decode("t", None, b"{}", headers_with(ce_time=text)).time == time


def test_a_time_of_another_zone_is_written_in_utc() -> None:
    time = datetime(2026, 11, 24, 9, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=1)))
    assert format_time(time) == "2026-11-24T08:00:00.999Z"


def test_a_time_without_a_zone_is_never_written() -> None:
    with pytest.raises(ValueError, match="time zone"):
        encode(replace(MESSAGE, time=datetime(2026, 11, 24)))  # noqa: DTZ001 - the mistake under test


@pytest.mark.parametrize(
    "too_large",
    [
        lambda: refusal(headers_with(ce_id=b"x" * 513)),
        lambda: refusal(headers_with(), key=b"x" * 1025),
        lambda: refusal(headers_with(), value=b"x" * (2**20 + 1)),
    ],
)
def test_what_is_too_large_is_refused(too_large: Callable[[], MalformedMessage]) -> None:
    assert too_large().reason == "too_large"


def test_headers_that_nobody_knows_are_ignored() -> None:
    headers: Headers = [*encode(MESSAGE), ("ce_partitionkey", b"\xff"), ("ce_partitionkey", None), ("x", b"\x00" * 999)]
    assert decode(MESSAGE.topic, MESSAGE.key, MESSAGE.value, headers) == MESSAGE


def test_a_tombstone_is_a_message_without_a_value() -> None:
    tombstone = replace(MESSAGE, value=None)
    assert decode(tombstone.topic, tombstone.key, None, encode(tombstone)) == tombstone


def test_the_value_is_not_shown_since_it_may_hold_what_somebody_sent_by_mistake() -> None:
    assert "Support" not in repr(MESSAGE)
