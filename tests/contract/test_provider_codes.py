"""From code to tokens: what a code is good for, and for whom, asked of our provider and the certified one alike."""

import pytest
import requests

from tests.partners.assertion import client_assertion
from tests.partners.partner import Partner, Pkce


def test_a_code_yields_tokens_that_the_mail_server_accepts(partner: Partner) -> None:
    tokens = partner.tokens()
    assert tokens["token_type"].lower() == "bearer"
    assert tokens["expires_in"] > 0
    assert "mail.imap" in tokens["scope"].split()
    about = partner.introspect(tokens["access_token"])
    assert about["active"] is True
    assert about["client_id"] == partner.clients.post
    assert "alice@example.test" in (about["sub"], about.get("username"))
    assert "mail.imap" in about["scope"].split()


def test_a_client_may_authenticate_by_basic(partner: Partner) -> None:
    pkce = Pkce.new()
    code = partner.code(pkce, client_id=partner.clients.basic)
    request = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": partner.redirect_uri,
        "code_verifier": pkce.verifier,
    }
    answered = partner.post("token_endpoint", request, basic=(partner.clients.basic, partner.clients.secret))
    assert answered.status_code == 200
    assert "access_token" in answered.json()


def test_a_public_client_needs_only_its_verifier(partner: Partner) -> None:
    pkce = Pkce.new()
    code = partner.code(pkce, client_id=partner.clients.public)
    answered = partner.exchange(code, pkce, client_id=partner.clients.public, client_secret=None)
    assert answered.status_code == 200


def test_token_answers_are_not_kept_by_anything_between(partner: Partner) -> None:
    pkce = Pkce.new()
    assert partner.exchange(partner.code(pkce), pkce).headers["cache-control"] == "no-store"


def test_a_code_seen_twice_ends_the_tokens_it_gave(partner: Partner) -> None:
    pkce = Pkce.new()
    code = partner.code(pkce)
    first = partner.exchange(code, pkce).json()
    second = partner.exchange(code, pkce)
    assert (second.status_code, second.json()["error"]) == (400, "invalid_grant")
    assert not partner.is_alive(first["access_token"])
    assert partner.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"redirect_uri": "http://127.0.0.1:18081/elsewhere"}, 400, "invalid_grant"),
        ({"code_verifier": "another-verifier-of-more-than-forty-three-characters"}, 400, "invalid_grant"),
        ({"code_verifier": None}, 400, "invalid_grant"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"code": "made-up"}, 400, "invalid_grant"),
        ({"code": None}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "invalid_request"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_code_is_good_only_for_whom_it_was_made(
    partner: Partner, changes: dict[str, str | None], status: int, error: str
) -> None:
    pkce = Pkce.new()
    answered = partner.exchange(partner.code(pkce), pkce, **changes)
    assert (answered.status_code, answered.json()["error"]) == (status, error)
    assert "access_token" not in answered.json()


def test_a_refused_exchange_does_not_spend_the_code(partner: Partner) -> None:
    pkce = Pkce.new()
    code = partner.code(pkce)
    assert partner.exchange(code, pkce, client_secret="wrong").status_code == 401
    assert partner.exchange(code, pkce).status_code == 200


def test_a_repeated_parameter_is_refused(partner: Partner) -> None:
    pkce = Pkce.new()
    code = partner.code(pkce)
    url = partner.metadata["token_endpoint"]
    fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("code", code),
        ("redirect_uri", partner.redirect_uri),
        ("code_verifier", pkce.verifier),
        ("client_id", partner.clients.post),
        ("client_secret", partner.clients.secret),
    ]
    answered = partner.session.post(url, fields, timeout=10)
    assert (answered.status_code, answered.json()["error"]) == (400, "invalid_request")


def test_client_credentials_give_an_access_token_and_no_refresh_token(partner: Partner) -> None:
    request = {
        "grant_type": "client_credentials",
        "scope": "mail.imap",
        "client_id": partner.clients.daemon,
        "client_secret": partner.clients.secret,
    }
    tokens = partner.post("token_endpoint", request).json()
    assert "refresh_token" not in tokens
    about = partner.introspect(tokens["access_token"])
    assert about["active"] is True
    assert "username" not in about


def test_a_client_may_prove_itself_by_a_signature_good_once(partner: Partner) -> None:
    def ask(assertion: str) -> requests.Response:
        request = {
            "grant_type": "client_credentials",
            "scope": "mail.imap",
            "client_id": partner.clients.signing,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
        return partner.post("token_endpoint", request)

    assertion = client_assertion(partner.clients.signing, partner.metadata["issuer"])
    assert partner.is_alive(ask(assertion).json()["access_token"])
    assert ask(assertion).json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("wrong", "status", "error"),
    [
        ("audience", 401, "invalid_client"),
        ("time", 401, "invalid_client"),
        ("key", 401, "invalid_client"),
        ("issuer", 400, "invalid_request"),  # two clients in one request
    ],
)
def test_a_signature_must_be_for_this_server_by_this_client_and_of_now(
    partner: Partner, wrong: str, status: int, error: str
) -> None:
    client_id = partner.clients.signing
    assertion = client_assertion(
        "nobody" if wrong == "issuer" else client_id,
        "https://elsewhere.example.test" if wrong == "audience" else partner.issuer,
        age=7200 if wrong == "time" else 0,
        foreign_key=wrong == "key",
    )
    request = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    }
    refused = partner.post("token_endpoint", request)
    assert (refused.status_code, refused.json()["error"]) == (status, error)
