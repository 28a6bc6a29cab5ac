"""Where an answer may be sent, and which requests are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.provider.authorization_request import (
    ForRedirect,
    NotForRedirect,
    check,
    redirect_target,
    with_answer,
)
from devstack.provider.settings import ClientSettings, RealmSettings

CLIENT = ClientSettings(client_id="app")
EXACT = ClientSettings(client_id="app", redirect_uris=("https://app.example.test/callback",))
GOOD = {
    "response_type": "code",
    "redirect_uri": "http://127.0.0.1:8000/callback",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
    "scope": "mail.imap offline_access",
}


@pytest.mark.parametrize("uri", ["http://127.0.0.1/x", "http://localhost:8080/a/b?c=d", "https://localhost/x"])
def test_a_client_without_list_may_come_back_to_this_machine(uri: str) -> None:
    assert redirect_target({"redirect_uri": uri}, CLIENT) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "http://127.0.0.1.example.test/x",
        "http://127.0.0.1@example.test/x",
        "http://user@127.0.0.1/x",
        "http://127.0.0.1/x#fragment",
        "http://localhost.example.test/",
        "javascript://127.0.0.1/%0aalert(1)",
        "http://127.0.0.1\\@example.test/",
        "http://127.0.0.1/\r\nset-cookie: a",
        "http://[::1/",
    ],
)
def test_it_may_come_back_to_nowhere_else(uri: str) -> None:
    with pytest.raises(NotForRedirect):
        redirect_target({"redirect_uri": uri}, CLIENT)


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1/x", "https://app.example.test/callback/", "https://app.example.test"]
)
def test_a_client_with_a_list_may_come_back_to_its_members_alone(uri: str) -> None:
    with pytest.raises(NotForRedirect):
        redirect_target({"redirect_uri": uri}, EXACT)
    assert redirect_target({"redirect_uri": EXACT.redirect_uris[0]}, EXACT) == EXACT.redirect_uris[0]


def test_a_well_formed_request_is_taken() -> None:
    request = check(GOOD | {"state": "s", "prompt": "consent select_account"}, CLIENT, RealmSettings())
    assert request.scope == ("mail.imap", "offline_access")
    assert (request.state, request.wants_offline, request.challenge) == ("s", True, GOOD["code_challenge"])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
)
def test_a_wrong_request_is_told_to_the_client(change: dict[str, str], error: str) -> None:
    with pytest.raises(ForRedirect) as told:
        check(GOOD | change, CLIENT, RealmSettings())
    assert told.value.error == error


def test_pkce_may_be_left_out_where_the_realm_allows_it_but_never_by_a_public_client() -> None:
    lax = RealmSettings(pkce_required=False)
    bare = {name: value for name, value in GOOD.items() if not name.startswith("code_challenge")}
    confidential = ClientSettings.model_validate({"client_id": "app", "secrets": ["secret"]})
    assert check(bare, confidential, lax).challenge is None
    with pytest.raises(ForRedirect):
        check(bare, CLIENT, lax)


def test_an_unknown_scope_is_refused_where_the_realm_has_a_list() -> None:
    listed = RealmSettings(scopes=("mail.imap",))
    assert check(GOOD, CLIENT, listed).scope == ("mail.imap", "offline_access")
    with pytest.raises(ForRedirect) as told:
        check(GOOD | {"scope": "mail.imap calendar"}, CLIENT, listed)
    assert told.value.error == "invalid_scope"


@given(st.text(min_size=1), st.sampled_from(["http://127.0.0.1/x", "http://127.0.0.1/x?a=b"]))
def test_whatever_is_in_the_state_stays_one_parameter(state: str, redirect_uri: str) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in state):
        return  # no such text comes over HTTP
    target = with_answer(redirect_uri, {"state": state, "iss": None})
    assert target.isascii()
    assert target.count("&") + target.count("?") == redirect_uri.count("?") + 1
    assert not set(target) & set(' \r\n"<>#')
