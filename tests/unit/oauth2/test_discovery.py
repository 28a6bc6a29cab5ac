"""Endpoints by discovery, and who really answered."""

import json
from typing import Any, Literal

import pytest

from grantkeeper.oauth2.answer import HttpAnswer
from grantkeeper.oauth2.discovery import (
    DiscoveryFailed,
    WrongIssuer,
    check_issuer,
    endpoints,
    host,
    metadata_urls,
    parse_metadata,
)
from schemas.token_config import Options, RequestBlock, TokenConfig

ISSUER = "https://login.example.test/realms/a"
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": ISSUER + "/auth",
    "token_endpoint": ISSUER + "/token",
    "revocation_endpoint": ISSUER + "/revoke",
    "authorization_response_iss_parameter_supported": True,
}


def answer(payload: Any, status: int = 200) -> HttpAnswer:
    return HttpAnswer(status, {}, payload if isinstance(payload, bytes) else json.dumps(payload).encode())


def config(**options: Any) -> TokenConfig:
    return TokenConfig(name="x", template="t", options=Options(issuer=ISSUER, **options))


def test_the_addresses_asked_are_those_of_both_standards() -> None:
    assert metadata_urls(ISSUER) == [
        "https://login.example.test/realms/a/.well-known/openid-configuration",
        "https://login.example.test/.well-known/oauth-authorization-server/realms/a",
        "https://login.example.test/.well-known/openid-configuration/realms/a",
    ]
    assert metadata_urls("https://accounts.google.com/") == [
        "https://accounts.google.com/.well-known/openid-configuration",
        "https://accounts.google.com/.well-known/oauth-authorization-server",
    ]


def test_metadata_is_read() -> None:
    metadata = parse_metadata(answer(METADATA), ISSUER)
    assert metadata.token_endpoint == ISSUER + "/token"
    assert metadata.authorization_response_iss_parameter_supported


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (answer(METADATA, 404), "status 404"),
        (answer(b"<html>"), "JSON"),
        (answer({**METADATA, "issuer": ISSUER + "/"}), "another issuer"),
        (answer({**METADATA, "issuer": None}), "another issuer"),
        (answer({**METADATA, "token_endpoint": "/token"}), "token_endpoint"),
        (answer({**METADATA, "token_endpoint": "https://x.test:port/"}), "token_endpoint"),
        (answer({**METADATA, "token_endpoint": "https://u:p@x.test/"}), "token_endpoint"),
        (answer({**METADATA, "revocation_endpoint": "file:///etc/passwd"}), "revocation_endpoint"),
        (answer({**METADATA, "token_endpoint": 5}), "token_endpoint"),
        (answer({**METADATA, "token_endpoint": "http://login.example.test/token"}), "token_endpoint"),
    ],
)
def test_metadata_that_cannot_be_trusted_is_refused(bad: HttpAnswer, words: str) -> None:
    with pytest.raises(DiscoveryFailed, match=words):
        parse_metadata(bad, ISSUER)


MS = "https://login.microsoftonline.com/"


@pytest.mark.parametrize(
    ("asked", "named", "check", "good"),
    [
        ("common", "{tenantid}", "template", True),
        ("consumers", "9188040d-6c67-4c5b-b112-36a304b66dad", "template", True),
        ("common", "{tenantid}", "exact", False),
        ("one-tenant", "other-tenant", "template", False),
        ("anything", "else", "off", True),
    ],
)
def test_microsofts_issuer_is_a_template(
    asked: str, named: str, check: Literal["exact", "template", "off"], *, good: bool
) -> None:
    found = answer({**METADATA, "issuer": f"{MS}{named}/v2.0"})
    if good:
        assert parse_metadata(found, f"{MS}{asked}/v2.0", check).issuer == f"{MS}{named}/v2.0"
    else:
        with pytest.raises(DiscoveryFailed):
            parse_metadata(found, f"{MS}{asked}/v2.0", check)


def test_another_host_never_matches_a_template() -> None:
    with pytest.raises(DiscoveryFailed):
        parse_metadata(
            answer({**METADATA, "issuer": "https://evil.test/{tenantid}/v2.0"}), MS + "common/v2.0", "template"
        )


def test_the_issuer_of_a_redirect_must_be_the_one_asked() -> None:
    check_issuer(ISSUER, config(), required=True)
    check_issuer(None, config(), required=False)
    with pytest.raises(WrongIssuer):
        check_issuer("https://evil.example.test", config(), required=False)
    with pytest.raises(WrongIssuer, match="did not name itself"):
        check_issuer(None, config(), required=True)
    with pytest.raises(WrongIssuer):
        check_issuer(ISSUER + "/", config(), required=False)


def test_an_address_in_the_config_wins_over_a_discovered_one() -> None:
    own = config().model_copy(
        update={"requests": {"TokenByRefreshToken": RequestBlock(url="https://own.test/refresh")}}
    )
    found = endpoints(own, parse_metadata(answer(METADATA), ISSUER))
    assert found.authorization == ISSUER + "/auth"
    assert found.token_by_code == ISSUER + "/token"
    assert found.token_by_refresh == "https://own.test/refresh"
    assert found.revocation == ISSUER + "/revoke"
    assert found.iss_required
    assert endpoints(own).token_by_code is None


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://Idp.Example.Test/token", "idp.example.test"),
        ("https://idp.example.test:443/token", "idp.example.test"),
        ("https://idp.example.test:8443/token", "idp.example.test:8443"),
        ("http://127.0.0.1:80/x", "127.0.0.1"),
        ("http://[::1]:8080/x", "[::1]:8080"),
        ("https://idp.example.test:port/", ""),
        ("https://[::1", ""),
        ("token", ""),
    ],
)
def test_a_host_is_named_without_its_schemes_own_port(url: str, name: str) -> None:
    assert host(url) == name
