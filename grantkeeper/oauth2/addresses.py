"""Which addresses a token config may make this server call: public ones over https, and those an operator allows.

Without this rule whoever edits a config could make the refresher post into the private network it stands in. Names are
judged by what they resolve to at the moment of connecting, so that a name cannot change its mind in between.
"""

import ipaddress
import re
from collections.abc import Iterable
from string import ascii_letters, digits
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from grantkeeper.oauth2.discovery import host

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_PRIVATE: Final = "the address lies in a private or special network; an operator may put its host on the allow-list"
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
"""RFC 6052: the last four bytes are an IPv4 address behind a gateway."""
_NEVER_PUBLIC: Final = tuple(map(ipaddress.ip_network, ("fec0::/10", "3fff::/20", "192.0.0.0/24", "192.88.99.0/24")))
"""Site-local addresses (RFC 3879), documentation (RFC 9637), protocol assignments (RFC 6890) and the former 6to4 relays
(RFC 7526): Python's tables call them global, in whole or in part."""
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_OF_NAMES: Final = f"{ascii_letters}{digits}-_.".encode()
_NAME_MAX: Final = 253
"""Characters of a host name (RFC 1035 section 2.3.4: 255 bytes on the wire)."""
_LOCAL_NAMES: Final = (".localhost", ".local", ".internal", ".home.arpa", ".lan")
"""Never public, whatever a proxy resolves them to (RFC 6761, RFC 6762, RFC 8375)."""


class AllowList:
    """Hosts that an operator allows at private addresses and without encryption: `host` or `host:port`."""

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        self._hosts = frozenset(entry.strip().lower() for entry in hosts)

    def __contains__(self, name: str) -> bool:
        return name in self._hosts

    def allows(self, host_name: str, port: int, default_ports: tuple[int, ...] = (443, 80)) -> bool:
        """Tell whether a host is allowed at a port."""
        name = f"[{host_name}]" if ":" in host_name else host_name
        return f"{name}:{port}" in self._hosts or (port in default_ports and name in self._hosts)


def url_problem(url: str, allowed: AllowList) -> str | None:
    """Say why an address may not be called, None = it may; names still have to resolve to public addresses."""
    name = host(url)
    parts = urlsplit(url) if name else None
    if parts is None or "@" in parts.netloc:
        return "this is no complete address without a user name"
    if not possible_host(parts.hostname or ""):
        return "the host name is impossible: correct the address"
    if name in allowed:
        return None if parts.scheme in {"https", "http"} else "the address must start with https://"
    if parts.scheme != "https":
        return "the address must start with https://, or its host must be on the allow-list"
    return _name_problem(parts.hostname or "")


def address_problem(address: IPAddress) -> str | None:
    """Say why an IP address is not public, None = it is."""
    one = _inner(address)
    if any(one in network for network in _NEVER_PUBLIC):
        return _PRIVATE
    if not one.is_global or one.is_multicast or one.is_reserved or one.is_unspecified:
        return _PRIVATE
    return None


def possible_host(name: str) -> bool:
    """Tell whether a host name or literal address can exist at all, wherever it may lead."""
    last = name.rstrip(".").rpartition(".")[2]
    if ":" in name or _NUMBER.fullmatch(last):  # a name that ends in a number is an address or nothing (URL standard)
        return _is_ip_address(name)
    try:
        encoded = name.removesuffix(".").encode("idna")
    except UnicodeError:  # an empty or too long label, or characters that no name may have
        return False
    return 0 < len(encoded) <= _NAME_MAX and encoded.translate(None, _OF_NAMES) == b""


def _is_ip_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _name_problem(name: str) -> str | None:
    try:
        return address_problem(ipaddress.ip_address(name))
    except ValueError:
        pass
    plain = "." + name.rstrip(".").lower()
    if plain.endswith(_LOCAL_NAMES) or plain.count(".") == 1:
        return "the name is a local one; an operator may put it on the allow-list"
    return None


def _inner(address: IPAddress) -> IPAddress:
    """Return the IPv4 address that an IPv6 address wraps, if any."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[12:])
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address
