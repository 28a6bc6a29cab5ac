"""The way to a code, asked of our own provider and of the certified one alike."""

import pytest
import requests

from devstack.login import LoginFailed
from tests.partners.partner import Partner, Pkce


def test_a_login_ends_in_a_code_and_the_state_that_was_sent(partner: Partner) -> None:
    answer = partner.answer(partner.authorization_url(Pkce.new(), state="s+/= &?"))
    assert answer["state"] == "s+/= &?"
    assert len(answer["code"]) > 40


def test_the_issuer_comes_back_with_the_code(partner: Partner) -> None:
    answer = partner.answer(partner.authorization_url(Pkce.new()))
    assert answer.get("iss") == (partner.issuer if partner.traits.sends_iss else None)


def test_the_discovery_document_names_its_own_issuer_and_says_whether_it_sends_it(partner: Partner) -> None:
    assert partner.metadata["issuer"] == partner.issuer
    advertised = partner.metadata.get("authorization_response_iss_parameter_supported", False)
    assert advertised is partner.traits.advertises_iss


def test_the_discovery_document_offers_what_a_client_needs(partner: Partner) -> None:
    for endpoint in ("authorization_endpoint", "token_endpoint", "introspection_endpoint", "jwks_uri"):
        assert partner.metadata[endpoint].startswith(partner.issuer)
    assert ("revocation_endpoint" in partner.metadata) is (partner.traits.revocation != "none")
    assert "S256" in partner.metadata["code_challenge_methods_supported"]
    assert {"authorization_code", "refresh_token"} <= set(partner.metadata["grant_types_supported"])
    assert {"client_secret_basic", "client_secret_post"} <= set(
        partner.metadata["token_endpoint_auth_methods_supported"]
    )


def test_a_user_who_denies_is_told_to_the_client(partner: Partner) -> None:
    answer = partner.answer(partner.authorization_url(Pkce.new(), state="mine"), deny=True)
    assert (answer["error"], answer["state"]) == ("access_denied", "mine")
    assert "code" not in answer


def test_a_request_without_pkce_is_refused_on_the_way_back(partner: Partner) -> None:
    answer = partner.answer(partner.authorization_url(None))
    assert answer["error"] == "invalid_request"
    assert "code" not in answer


def test_the_plain_challenge_method_is_refused(partner: Partner) -> None:
    answer = partner.answer(partner.authorization_url(Pkce.new(), code_challenge_method="plain"))
    assert answer["error"] == "invalid_request"


def test_prompt_none_finds_nobody_logged_in(partner: Partner) -> None:
    answer = partner.answer(partner.authorization_url(Pkce.new(), prompt="none"))
    assert answer["error"] == "login_required"


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://elsewhere.example.test/callback"},
        {"redirect_uri": "http://127.0.0.1.example.test/callback"},
        {"client_id": "nobody"},
    ],
    ids=lambda changes: f"{next(iter(changes))}={next(iter(changes.values()))}",
)
def test_nobody_is_sent_to_an_address_that_is_not_the_clients(partner: Partner, changes: dict[str, str | None]) -> None:
    url = partner.authorization_url(Pkce.new(), **changes)
    page = requests.get(url, allow_redirects=False, timeout=10)
    assert page.status_code == 400
    assert "location" not in page.headers
    with pytest.raises(LoginFailed, match="HTTP 400"):
        partner.answer(url)
