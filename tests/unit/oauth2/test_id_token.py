"""Who logged in."""

import base64
import json
from typing import Any

import pytest
from pydantic import SecretStr

from grantkeeper.oauth2.id_token import UnusableIdToken, read_id_token


def token(claims: Any) -> SecretStr:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return SecretStr(f"e30.{payload}.c2ln")


@pytest.mark.parametrize("claim", ["email", "preferred_username", "upn"])
def test_the_account_is_read_from_the_claims_in_use(claim: str) -> None:
    account = read_id_token(token({"aud": "app", "sub": "42", claim: "a@example.test"}), client_id="app")
    assert (account.login, account.subject) == ("a@example.test", "42")


@pytest.mark.parametrize("name", ["a\ud800@example.test", "a\x00", "a" * 321, "", 7])
def test_what_cannot_be_a_name_is_passed_over(name: object) -> None:
    account = read_id_token(
        token({"aud": "app", "sub": name, "email": name, "upn": "amy@example.test"}), client_id="app"
    )
    assert (account.login, account.subject) == ("amy@example.test", None)


def test_a_list_of_audiences_may_hold_the_client() -> None:
    assert read_id_token(token({"aud": ["x", "app"]}), client_id="app").login is None


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (token({"aud": "other"}), "another client"),
        (token([1]), "no JWT"),
        (SecretStr("abc"), "no JWT"),
        (SecretStr("a.!.c"), "no JWT"),
    ],
)
def test_a_token_for_another_client_is_refused(bad: SecretStr, words: str) -> None:
    with pytest.raises(UnusableIdToken, match=words):
        read_id_token(bad, client_id="app")
