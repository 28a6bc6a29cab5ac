"""Answers with tokens, the odd ones included."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantkeeper.oauth2.token_response import TokenResponse, UnusableResponse, lifetime, missing_scopes, parse

MAPPING = {"access_token": "Token", "expires_in": "TokenExpirationDate", "refresh_token": "RefreshToken"}


def read(payload: dict[str, Any], mapping: dict[str, str] | None = None) -> TokenResponse:
    return parse(payload, MAPPING if mapping is None else mapping, default_expires_in=1800)


def test_a_plain_answer_is_read() -> None:
    response = read(
        {"access_token": "a-1", "token_type": "Bearer", "expires_in": 3599, "refresh_token": "r-1", "scope": "mail  x"}
    )
    assert response.access_token.get_secret_value() == "a-1"
    assert response.refresh_token is not None
    assert response.refresh_token.get_secret_value() == "r-1"
    assert (response.expires_in, response.scope) == (3599, "mail x")
    assert "a-1" not in repr(response)


def test_a_rotated_refresh_token_is_kept_though_the_mapping_forgets_it() -> None:
    response = read({"access_token": "a", "refresh_token": "r-2"}, {"access_token": "Token"})
    assert response.refresh_token is not None
    assert response.refresh_token.get_secret_value() == "r-2"


def test_mapped_names_come_first_and_the_rfcs_next() -> None:
    mapping = {"token": "Token", "expires": "TokenExpirationDate"}
    assert read({"token": "mapped", "access_token": "rfc", "expires": 60, "expires_in": 70}, mapping).expires_in == 60
    faulty = read({"access_token": "rfc", "expires_in": 70}, mapping)
    assert (faulty.access_token.get_secret_value(), faulty.expires_in) == ("rfc", 70)


@pytest.mark.parametrize(
    ("given_value", "seconds"),
    [
        ("3599", 3599),
        (" 3599 ", 3599),
        (3599.9, 3599),
        ("3599.0", 3599),
        (None, None),
        (0, None),
        ("0", None),
        (-5, None),
        (0.5, None),
        (True, None),
        ("soon", None),
        ([3600], None),
        (10**400, None),
        ("1e999", None),
        (math.nan, None),
        (10**12, 31_536_000),
    ],
)
def test_an_odd_lifetime_is_a_number_of_seconds_or_nothing(given_value: Any, seconds: int | None) -> None:
    assert lifetime(given_value) == seconds
    assert read({"access_token": "a", "expires_in": given_value}).expires_in == (seconds or 1800)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(157_680_000, 157_680_000), ("157680000", 157_680_000), (10**12, None), (253_402_300_799, None), (0, None)],
)
def test_the_end_of_a_refresh_token_is_never_told_sooner_than_it_is(said: Any, seconds: int | None) -> None:
    payload = {"access_token": "a", "x_refresh_token_hard_expires_in": said, "refresh_token_expires_in": said}
    response = read(payload)
    assert (response.authorization_expires_in, response.refresh_token_expires_in) == (seconds, seconds)


def test_a_missing_lifetime_takes_the_configs_default() -> None:
    response = read({"access_token": "a", "token_type": "bearer"})
    assert response.expires_in == 1800


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("refresh_token_expires_in", 604799),
        ("refresh_expires_in", "604799"),
        ("refresh_token_timeout", 604799.0),
        ("x_refresh_token_expires_in", 604799),
        ("own", 604799),
    ],
)
def test_the_refresh_tokens_own_life_has_many_names(name: str, value: Any) -> None:
    mapping = {**MAPPING, "own": "RefreshTokenExpirationDate"}
    assert read({"access_token": "a", name: value}, mapping).refresh_token_expires_in == 604799


def test_keycloaks_zero_means_that_it_never_ends() -> None:
    assert read({"access_token": "a", "refresh_expires_in": 0}).refresh_token_expires_in is None


def test_the_end_of_the_consent_is_read() -> None:
    assert read({"access_token": "a", "authorization_expires_in": 86400}).authorization_expires_in == 86400


@pytest.mark.parametrize("kind", ["bearer", "Bearer", "BEARER", None])
def test_a_bearer_token_is_taken_in_any_case(kind: str | None) -> None:
    assert read({"access_token": "a", "token_type": kind}).access_token.get_secret_value() == "a"


@pytest.mark.parametrize("kind", ["DPoP", "mac", "N_A", 1])
def test_another_token_type_is_refused_but_a_refresh_token_is_not_lost(kind: Any) -> None:
    with pytest.raises(UnusableResponse) as caught:
        read({"access_token": "a", "token_type": kind, "refresh_token": "r-9"})
    assert caught.value.code == "unsupported_token_type"
    assert caught.value.refresh_token is not None
    assert caught.value.refresh_token.get_secret_value() == "r-9"


@pytest.mark.parametrize("token", [None, "", 5, ["a"], "with blank", "line\nbreak", "ctrl\x01a", "ümlaut"])
def test_what_cannot_be_an_access_token_is_none(token: Any) -> None:
    with pytest.raises(UnusableResponse) as caught:
        read({"access_token": token, "refresh_token": "r-9"})
    assert caught.value.code == "no_access_token"
    assert caught.value.refresh_token is not None
    assert "r-9" not in str(caught.value)


def test_tokens_have_no_length_limit() -> None:
    assert len(read({"access_token": "a" * 100_000}).access_token.get_secret_value()) == 100_000


@pytest.mark.parametrize(
    ("scope", "kept"),
    [("mail \ud800 send", "mail send"), (["mail", 7, "send\x00"], "mail"), ("\ud800", None), ({"mail": 1}, None)],
)
def test_a_scope_holds_nothing_that_cannot_be_written_or_shown(scope: object, kept: str | None) -> None:
    assert read({"access_token": "a", "scope": scope}).scope == kept


def test_scopes_are_compared_as_sets_without_those_that_grant_nothing() -> None:
    assert missing_scopes("https://mail.google.com/ openid email", "https://mail.google.com/ openid") == []
    assert missing_scopes("a b offline_access", "a") == ["b"]
    assert missing_scopes("a b", None) == []
    assert missing_scopes("a,b", "b,a,c") == []


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = st.sampled_from(
    [
        "access_token",
        "token_type",
        "expires_in",
        "refresh_token",
        "scope",
        "refresh_in",
        "id_token",
        "refresh_expires_in",
    ]
)


@given(st.dictionaries(_FIELDS, _JSON))
def test_any_object_is_read_or_refused(payload: dict[str, Any]) -> None:
    payload = json.loads(json.dumps(payload))
    try:
        response = read(payload)
    except UnusableResponse:
        return
    assert 1 <= response.expires_in <= 31_536_000
    assert response.access_token.get_secret_value() == payload["access_token"]
