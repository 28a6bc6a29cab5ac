"""Whatever comes back: it is read or classified, never raised, and what it says never shows a secret."""

import json
from datetime import UTC, datetime
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from grantkeeper.oauth2.answer import HttpAnswer
from grantkeeper.oauth2.error_table import shipped
from grantkeeper.oauth2.error_text import MAX_LENGTH
from grantkeeper.oauth2.errors import Failure, read_answer
from grantkeeper.oauth2.token_request import TokenRequest
from grantkeeper.oauth2.token_response import LIFETIME_MAX
from schemas.reasons import AttemptClass, FaultScope

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SENT = "1//0planted/refresh+token"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    (
        *("access_token", "refresh_token", "id_token", "token_type", "expires_in", "scope", "refresh_in"),
        *("error", "error_description", "error_subtype", "suberror", "error_codes", "error_uri", "trace_id", "claims"),
    )
)
WORDS = st.sampled_from([word for key in shipped().errors for word in key]) | st.text(max_size=10)
NUMBERS = st.sampled_from([int(number) for number in shipped().numbers]) | st.integers()
CODED = st.fixed_dictionaries(
    {"error": WORDS}, optional={"suberror": WORDS, "error_subtype": WORDS, "error_codes": st.lists(NUMBERS, max_size=3)}
)
BODIES = (
    st.binary(max_size=200)
    | st.dictionaries(NAMES, JSON).map(lambda value: json.dumps(value).encode())
    | CODED.map(lambda value: json.dumps(value).encode())
    | JSON.map(lambda value: json.dumps(value).encode())
)
HEADERS = st.dictionaries(
    st.sampled_from(("retry-after", "date", "x-request-id", "x-ms-request-id")), st.text(max_size=40), max_size=4
)
GRANT_TYPES = st.sampled_from(
    ("refresh_token", "authorization_code", "client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer")
)


def request(grant_type: str = "refresh_token") -> TokenRequest:
    return TokenRequest(
        "https://oauth2.googleapis.com/token",
        {"grant_type": SecretStr(grant_type), "refresh_token": SecretStr(SENT), "client_id": SecretStr("public-id")},
    )


@given(st.integers(200, 599), HEADERS, BODIES, GRANT_TYPES)
def test_any_answer_is_a_token_or_a_classified_failure(
    status: int, headers: dict[str, str], body: bytes, grant_type: str
) -> None:
    outcome = read_answer(request(grant_type), HttpAnswer(status, headers, body), default_expires_in=3600, now=NOW)
    if not isinstance(outcome, Failure):
        assert 200 <= status < 300
        assert 1 <= outcome.expires_in <= LIFETIME_MAX
        return
    assert outcome.attempt_class in get_args(AttemptClass)
    assert outcome.attempt_class != "success"
    assert outcome.scope in get_args(FaultScope)
    assert shipped().cures.get(outcome.cure_id) == outcome.cure
    assert 1 <= len(outcome.text) <= MAX_LENGTH
    assert outcome.code
    assert 0 <= outcome.wait <= 3600


@given(st.sampled_from((408, 429, 500, 502, 503, 504, 599)), BODIES)
def test_an_answer_that_means_later_never_ends_a_grant(status: int, body: bytes) -> None:
    payload = body if b"error_codes" not in body else b"{}"  # a number of Microsoft's says more than the status
    outcome = read_answer(request(), HttpAnswer(status, {}, payload), default_expires_in=3600, now=NOW)
    assert isinstance(outcome, Failure)
    assert outcome.attempt_class in {"transient", "transient_alarm"}


@given(
    st.integers(200, 599), CODED, st.sampled_from(("client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"))
)
def test_where_nobody_logs_in_no_login_is_asked_for(status: int, payload: dict[str, Any], grant_type: str) -> None:
    answer = HttpAnswer(status, {}, json.dumps(payload).encode())
    outcome = read_answer(request(grant_type), answer, default_expires_in=3600, now=NOW)
    assert isinstance(outcome, Failure)
    assert outcome.attempt_class != "reauthorization"


@given(
    st.integers(200, 599),
    st.sampled_from(("error", "error_description", "error_uri", "trace_id", "suberror", "message")),
    st.sampled_from(("{}", "token {} is unknown", "refresh_token={}&x=1", '"{}"', "a{}b")),
    st.sampled_from((SENT, "1%2F%2F0planted%2Frefresh%2Btoken", "issued-access-1", "issued-refresh-1")),
)
def test_no_token_is_ever_shown(status: int, name: str, phrase: str, secret: str) -> None:
    """A server may repeat what it was sent, or what it issues, in whatever field it likes."""
    payload = {
        "access_token": "issued-access-1",
        "refresh_token": "issued-refresh-1",
        "token_type": "mac",
        "error": "invalid_grant",
        name: phrase.format(secret),
    }
    answer = HttpAnswer(status, {}, json.dumps(payload).encode())
    outcome = read_answer(request(), answer, default_expires_in=3600, now=NOW)
    assert isinstance(outcome, Failure)
    shown = repr(outcome) + outcome.text + outcome.code + (outcome.correlation_id or "")
    assert secret not in shown
    assert SENT not in shown
