"""What an answer means: the table, row by row, and the text that an admin reads."""

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from grantkeeper.oauth2.answer import HttpAnswer
from grantkeeper.oauth2.client_auth import Client
from grantkeeper.oauth2.error_table import parse, shipped
from grantkeeper.oauth2.error_text import clean, error_text
from grantkeeper.oauth2.errors import Failure, cure, read_answer, read_http_error, read_redirect_error
from grantkeeper.oauth2.http_errors import AddressRefused, MaybeSent, Unreachable, Untrusted
from grantkeeper.oauth2.redirect import read_redirect
from grantkeeper.oauth2.revocation import revocation_request
from grantkeeper.oauth2.token_request import TokenRequest
from grantkeeper.oauth2.token_response import TokenResponse
from schemas.token_config import ClientAuthentication

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SENT = TokenRequest(
    "https://idp.example.test/token",
    {"grant_type": SecretStr("refresh_token"), "refresh_token": SecretStr("planted-refresh-1")},
)


def answered(
    status: int, payload: Any, *, request: TokenRequest = SENT, headers: dict[str, str] | None = None
) -> TokenResponse | Failure:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return read_answer(request, HttpAnswer(status, headers or {}, body), default_expires_in=3600, now=NOW)


def failed(status: int, payload: Any, **options: Any) -> Failure:
    outcome = answered(status, payload, **options)
    assert isinstance(outcome, Failure)
    return outcome


def microsoft(number: int, error: str = "invalid_grant") -> dict[str, Any]:
    return {"error": error, "error_codes": [number], "error_description": f"AADSTS{number}: text", "trace_id": "t-1"}


@pytest.mark.parametrize(
    ("status", "payload", "expected"),
    [
        # RFC 6749 and its relatives
        (400, {"error": "invalid_grant"}, ("reauthorization", "grant")),
        (401, {"error": "invalid_client"}, ("client_fault", "client")),
        (400, {"error": "invalid_client"}, ("client_fault", "client")),
        (403, {"error": "invalid_client"}, ("client_fault", "client")),
        (400, {"error": "unauthorized_client"}, ("client_fault", "client")),
        (400, {"error": "invalid_request"}, ("config_fault", "config")),
        (400, {"error": "unsupported_grant_type"}, ("config_fault", "config")),
        (400, {"error": "invalid_scope"}, ("config_fault", "config")),
        (400, {"error": "invalid_target"}, ("config_fault", "config")),
        (400, {"error": "interaction_required"}, ("reauthorization", "grant")),
        (400, {"error": "login_required"}, ("reauthorization", "grant")),
        (400, {"error": "consent_required"}, ("reauthorization", "grant")),
        (400, {"error": "access_denied"}, ("reauthorization", "grant")),
        (400, {"error": "temporarily_unavailable"}, ("transient", "provider")),
        (400, {"error": "server_error"}, ("transient", "provider")),
        (400, {"error": "authorization_pending"}, ("transient", "grant")),
        (400, {"error": "slow_down"}, ("transient", "grant")),
        (400, {"error": "expired_token"}, ("reauthorization", "grant")),
        (400, {"error": "use_dpop_nonce"}, ("config_fault", "config")),
        # statuses
        (408, b"", ("transient", "provider")),
        (500, b"<html>", ("transient", "provider")),
        (502, b"", ("transient", "provider")),
        (503, {"error": "temporarily_unavailable"}, ("transient", "provider")),
        (504, b"", ("transient", "provider")),
        (599, b"", ("transient", "provider")),
        (500, {"error": "invalid_grant"}, ("transient", "provider")),
        (429, {"error": "invalid_client"}, ("transient", "client")),
        (307, b"", ("config_fault", "client")),
        (308, b"", ("config_fault", "client")),
        (404, b"<html>", ("config_fault", "config")),
        (405, b"", ("config_fault", "config")),
        (403, b"<html>blocked</html>", ("transient_alarm", "provider")),
        (401, b"", ("transient_alarm", "provider")),
        (400, b"<html>", ("transient_alarm", "provider")),
        (200, b"<html>log in</html>", ("transient_alarm", "provider")),
        (200, b"", ("transient_alarm", "provider")),
        (200, b"[]", ("transient_alarm", "provider")),
        (200, {}, ("transient_alarm", "provider")),
        (200, {"error": "invalid_grant"}, ("reauthorization", "grant")),
        (200, {"access_token": "a", "token_type": "DPoP"}, ("config_fault", "config")),
        # unknown: bounded retry, visible
        (400, {"error": "something_new"}, ("transient_alarm", "grant")),
        (418, {}, ("transient_alarm", "grant")),
        (400, {"error": {"code": 5}}, ("transient_alarm", "grant")),
        # Google, any host
        (400, {"error": "invalid_grant", "error_subtype": "invalid_rapt"}, ("policy", "grant")),
        (401, {"error": "deleted_client"}, ("client_fault", "client")),
        (400, {"error": "admin_policy_enforced"}, ("policy", "client")),
        (403, {"error": "rate_limit_exceeded"}, ("transient_alarm", "client")),
        # Microsoft by number; an unknown number falls back to its error
        (400, microsoft(50173), ("reauthorization", "grant")),
        (400, microsoft(700082), ("reauthorization", "grant")),
        (400, microsoft(700084), ("client_fault", "client")),
        (400, microsoft(70043), ("policy", "grant")),
        (400, microsoft(50076), ("reauthorization", "grant")),
        (400, microsoft(53003, "access_denied"), ("policy", "grant")),
        (400, microsoft(65001), ("reauthorization", "grant")),
        (401, microsoft(7000215, "invalid_client"), ("client_fault", "client")),
        (401, microsoft(7000222, "invalid_client"), ("client_fault", "client")),
        (400, microsoft(700016, "unauthorized_client"), ("client_fault", "client")),
        (400, microsoft(90002, "invalid_request"), ("client_fault", "client")),
        (400, microsoft(70011, "invalid_scope"), ("config_fault", "config")),
        (400, microsoft(54005), ("config_fault", "grant")),
        (400, microsoft(50196), ("transient_alarm", "client")),
        (400, microsoft(90033, "temporarily_unavailable"), ("transient", "provider")),
        (400, microsoft(50053), ("transient_alarm", "grant")),
        (400, microsoft(123456789), ("reauthorization", "grant")),
        (400, {"error": "invalid_grant", "suberror": "bad_token"}, ("reauthorization", "grant")),
        (400, {"error": "invalid_grant", "suberror": "client_mismatch"}, ("client_fault", "config")),
    ],
)
def test_an_answer_is_classified_by_its_codes(status: int, payload: Any, expected: tuple[str, str]) -> None:
    failure = failed(status, payload)
    assert (failure.attempt_class, failure.scope) == expected
    assert failure.cure.endswith(".")
    assert failure.text


def test_a_description_changes_nothing() -> None:
    plain = failed(400, {"error": "invalid_grant"})
    lured = failed(400, {"error": "invalid_grant", "error_description": "temporarily_unavailable AADSTS90033"})
    assert (lured.attempt_class, lured.code) == (plain.attempt_class, plain.code)


def test_the_loop_throttle_of_microsoft_waits_a_minute_and_ends_nothing() -> None:
    failure = failed(400, microsoft(50196))
    assert (failure.code, failure.wait, failure.pauses_client) == ("AADSTS50196", 60.0, False)


def test_only_a_fault_of_the_client_pauses_the_client() -> None:
    assert failed(401, {"error": "invalid_client"}).pauses_client
    assert not failed(400, {"error": "invalid_grant", "suberror": "client_mismatch"}).pauses_client
    assert not failed(400, {"error": "admin_policy_enforced"}).pauses_client


def test_a_provider_may_mean_the_same_word_otherwise() -> None:
    google = TokenRequest("https://oauth2.googleapis.com/token", {})
    assert failed(400, {"error": "invalid_grant"}, request=google).cure_id == "google-sign-in-again"
    assert failed(400, {"error": "invalid_grant"}).cure_id == "sign-in-again"


def test_an_error_under_a_mapped_name_is_found() -> None:
    mapped = TokenRequest("https://x.test/", {}, response={"fault": "ErrorMessage"})
    assert failed(400, {"fault": "invalid_grant"}, request=mapped).code == "invalid_grant"


def test_a_success_with_any_2xx_and_an_error_field_beside_the_token_is_a_success() -> None:
    assert isinstance(answered(201, {"access_token": "a"}), TokenResponse)
    mapped = TokenRequest("https://x.test/", {}, response={"message": "ErrorMessage"})
    assert isinstance(answered(200, {"access_token": "a", "message": "ok"}, request=mapped), TokenResponse)


def test_a_refresh_token_without_an_access_token_is_handed_on() -> None:
    failure = failed(200, {"refresh_token": "r-2", "token_type": "bearer"})
    assert failure.refresh_token is not None
    assert failure.refresh_token.get_secret_value() == "r-2"
    assert "r-2" not in repr(failure)


@pytest.mark.parametrize(
    ("headers", "wait", "given_by_provider"),
    [
        ({"retry-after": "120"}, 120.0, True),
        ({"retry-after": "999999"}, 3600.0, True),
        ({"retry-after": "Tue, 24 Nov 2026 08:02:00 GMT"}, 120.0, True),
        ({"retry-after": "Tue, 24 Nov 2026 10:01:30 GMT", "date": "Tue, 24 Nov 2026 10:00:00 GMT"}, 90.0, True),
        ({"retry-after": "Tue, 24 Nov 2020 08:02:00 GMT"}, 0.0, True),
        ({"retry-after": "soon"}, 0.0, False),
        ({"retry-after": "-5"}, 0.0, False),
        ({}, 0.0, False),
    ],
)
def test_retry_after_is_obeyed_in_both_forms(headers: dict[str, str], wait: float, given_by_provider: bool) -> None:  # noqa: FBT001
    failure = failed(429, b"", headers=headers)
    assert (failure.wait, failure.retry_after_given) == (wait, given_by_provider)


def test_the_longer_of_both_waits_counts() -> None:
    assert failed(400, microsoft(50196), headers={"retry-after": "5"}).wait == 60.0


def test_the_providers_correlation_id_is_kept_for_its_support() -> None:
    assert failed(400, microsoft(50173)).correlation_id == "t-1"
    short = TokenRequest("https://idp.example.test/token", {**SENT.form, "version": SecretStr("1")})
    assert failed(400, microsoft(50173), request=short).correlation_id == "t-1"
    assert failed(500, b"", headers={"x-request-id": "req-7"}).correlation_id == "req-7"
    assert failed(500, b"", headers={"x-request-id": "not an id\x00"}).correlation_id is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Unreachable("idp.example.test", "connection refused"), ("transient", "provider", "unreachable")),
        (Untrusted("idp.example.test", "self-signed"), ("transient_alarm", "provider", "certificate")),
        (AddressRefused("10.0.0.1", "private"), ("config_fault", "config", "address_refused")),
        (MaybeSent("idp.example.test", "no answer in 15 s"), ("ambiguous", "grant", "no_answer")),
    ],
)
def test_a_call_without_an_answer_is_classified_by_what_may_have_happened(
    error: Unreachable, expected: tuple[str, str, str]
) -> None:
    failure = read_http_error(error)
    assert (failure.attempt_class, failure.scope, failure.code) == expected
    assert error.host in failure.text


def test_an_error_of_the_redirect_is_classified_too() -> None:
    answer = read_redirect("error=access_denied&error_description=the+user+said+no&state=s")
    generic = read_redirect_error(answer, host="idp.example.test")
    assert (generic.code, generic.cure_id) == ("access_denied", "approve-consent")
    assert generic.text == "access_denied: the user said no"
    assert read_redirect_error(answer, host="accounts.google.com").cure_id == "google-audience"


# --- the text


def test_the_error_text_follows_znuny() -> None:
    mapping = {"m": "ErrorMessage", "c": "ErrorCode", "d": "ErrorDescription"}
    text = "Unit test error message (error code 249827): Unit test error description"
    said = {"m": "Unit test error message", "c": "249827", "d": "Unit test error description"}
    assert error_text(said, mapping) == text
    assert error_text({"c": 5}, mapping) == "Error code 5"
    assert error_text({"m": "x", "c": [1, 2]}, mapping) == "x (error code 1, 2)"
    assert error_text({"m": {"a": "ü"}}, mapping) == '{"a": "ü"}'
    assert error_text({"d": "only words"}, mapping) == "only words"
    assert error_text({}, mapping) == ""


def test_an_echoed_secret_is_cut_out_of_the_text() -> None:
    failure = failed(400, {"error": "invalid_grant", "error_description": "token planted-refresh-1 is unknown"})
    assert failure.text == "invalid_grant: token [secret] is unknown"


@pytest.mark.parametrize("authentication", ["post", "basic"])
def test_an_echoed_client_secret_is_cut_out_in_whatever_form_it_was_sent(
    authentication: ClientAuthentication,
) -> None:
    secret = "S3cret~of app"
    client = Client("app", SecretStr(secret), authentication)
    request = revocation_request(client, endpoint=SENT.url, token=SecretStr("planted-refresh-1"), hint="refresh_token")
    pair = base64.b64encode(f"app:{quote_plus(secret)}".encode()).decode()
    forms = [secret, quote_plus(secret), *([pair] if authentication == "basic" else [])]
    said = {"error": "invalid_client", "error_description": f"no match for {' or '.join(forms)}"}
    text = failed(401, said, request=request).text
    assert text == "invalid_client: no match for " + " or ".join(["[secret]"] * len(forms))


def test_addresses_and_token_like_words_are_cut_out() -> None:
    token = "ya29.a0AfH6SMBx" + "Ab9-_" * 12
    assert clean(f"see https://idp.example.test/?code=abc and {token} now") == "see [address] and [cut] now"
    assert clean("trace 4c9ab7d2-9f1e-4a3e-8a55-8dbd0e3a5c11") == "trace 4c9ab7d2-9f1e-4a3e-8a55-8dbd0e3a5c11"
    assert clean("a\x00b\r\nc\u2028d") == "a b c d"
    assert len(clean("word " * 1000)) == 500


@given(st.text(), st.integers(100, 599), st.binary(max_size=80))
def test_any_answer_comes_to_a_failure_that_can_be_shown(words: str, status: int, body: bytes) -> None:
    coded = {"error": words, "error_codes": [words], "suberror": [words], "error_description": words}
    for payload in (body, coded):
        failure = failed(status, payload)
        assert 1 <= len(failure.text) <= 500
        assert failure.text.isprintable() or "\xa0" in failure.text or not words.isprintable()
        assert failure.wait >= 0


# --- the table


def test_every_cure_is_used_or_named_by_the_engine() -> None:
    table = shipped()
    rows = [table.unknown, *table.outcomes.values(), *table.statuses.values(), *table.errors.values()]
    rows += [*table.numbers.values(), *(row for section in table.hosts.values() for row in section.values())]
    used = {row.cure_id for row in rows}
    assert set(table.cures) - used == {"no-refresh-token", "google-no-refresh-token"}
    assert cure("google-no-refresh-token").startswith("Google gave no refresh token")


def test_a_table_that_contradicts_itself_is_refused() -> None:
    text = (
        "cures: {a: A.}\nunknown: {class: transient, scope: grant, cure: a}\noutcomes: {}\nhosts: []\nmicrosoft: []\n"
        "statuses: []\nerrors:\n- {error: x y, class: transient, scope: grant, cure: a}\n"
        "- {error: y, class: ROW, scope: grant, cure: CURE}\n"
    )
    with pytest.raises(ValueError, match="error y stands twice"):
        parse(text.replace("ROW", "policy").replace("CURE", "a"))
    with pytest.raises(ValueError, match="no such class"):
        parse(text.replace("error: y,", "error: z,").replace("ROW", "strange").replace("CURE", "a"))
    with pytest.raises(KeyError):
        parse(text.replace("error: y,", "error: z,").replace("ROW", "policy").replace("CURE", "b"))
