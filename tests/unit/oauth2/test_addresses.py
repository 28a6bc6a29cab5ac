"""Which addresses may be called."""

import ipaddress

import pytest

from grantkeeper.oauth2.addresses import AllowList, address_problem, possible_host, url_problem

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
        "192.0.0.8",
        "192.88.99.1",
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
        "3fff::1",
        "3fff:fff::1",
        "fec0::1",
        "feff::1",
    ],
)
def test_private_and_special_addresses_are_refused(address: str) -> None:
    assert address_problem(ipaddress.ip_address(address)) is not None


@pytest.mark.parametrize("address", ["8.8.8.8", "142.250.1.1", "2606:4700::1111", "64:ff9b::8.8.8.8", "2001:4860::1"])
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
        "https://0x7f.0.0.0x1/token",
        "https://0x7f.0x/token",
        "https://2130706433/token",
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


@pytest.mark.parametrize(
    "name",
    ["idp.example.com", "idp.example.com.", "idp", "a_b.example", "bücher.example", "8.8.8.8", "::1", "fe80::1%eth0"],
)
def test_hosts_that_can_exist_are_possible_wherever_they_lead(name: str) -> None:
    assert possible_host(name)


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "a..b", f"{'a' * 64}.example", ".".join(["a" * 60] * 5), "256.1.1.1", "1.2.3", "2130706433",
        "idp.1", "a:b", "a b.example", "a/b", "*.example.com", "\u00ad",
    ],
)  # fmt: skip
def test_impossible_hosts_are_told_before_anybody_looks_them_up(name: str) -> None:
    assert not possible_host(name)


def test_an_impossible_host_is_refused_even_where_an_operator_allows_private_ones() -> None:
    assert url_problem("https://a..b/token", AllowList(["a..b"])) == "the host name is impossible: correct the address"
