"""Which addresses may be called."""

import ipaddress

import pytest

from grantkeeper.oauth2.addresses import AllowList, address_problem, url_problem

NOBODY = AllowList()


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "127.0.0.1",
        "127.9.9.9",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:0a00:0001::1",
        "2001:db8::1",
    ],
)
def test_private_and_special_addresses_are_refused(address: str) -> None:
    assert address_problem(ipaddress.ip_address(address)) is not None


@pytest.mark.parametrize("address", ["8.8.8.8", "142.250.1.1", "2606:4700::1111", "64:ff9b::8.8.8.8"])
def test_public_addresses_are_taken(address: str) -> None:
    assert address_problem(ipaddress.ip_address(address)) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example.com/token",
        "https://10.0.0.1/token",
        "https://[::1]/token",
        "https://localhost/token",
        "https://idp/token",
        "https://idp.internal./token",
        "https://user:password@idp.example.com/",
        "file:///etc/passwd",
        "ftp://idp.example.com/",
        "https://",
        "token",
    ],
)
def test_an_address_that_breaks_the_rules_is_refused(url: str) -> None:
    problem = url_problem(url, NOBODY)
    assert problem is not None
    assert "password" not in problem


def test_an_allowed_host_may_be_private_and_unencrypted_at_its_port_only() -> None:
    allowed = AllowList(["IdP.internal:8080", "10.0.0.1", "[::1]:9"])
    assert url_problem("http://idp.internal:8080/token", allowed) is None
    assert url_problem("https://10.0.0.1/token", allowed) is None
    assert url_problem("http://[::1]:9/", allowed) is None
    assert url_problem("http://idp.internal/token", allowed) is not None
    assert url_problem("https://10.0.0.1:8443/token", allowed) is not None
    assert url_problem("ftp://idp.internal:8080/", allowed) is not None
    assert allowed.allows("idp.internal", 8080)
    assert allowed.allows("::1", 9)
    assert not allowed.allows("idp.internal", 443)
