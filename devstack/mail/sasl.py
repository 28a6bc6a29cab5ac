"""What a client sends to log in: XOAUTH2 (Google, Microsoft) and OAUTHBEARER (RFC 7628), read and answered."""

import json
import re
from dataclasses import dataclass, field

MECHANISMS = ("XOAUTH2", "OAUTHBEARER")
_XOAUTH2 = re.compile(rb"^user=([^\x01]*)\x01auth=bearer ([^\x01]+)\x01\x01$", re.IGNORECASE)
_GS2 = re.compile(rb"^[ny],(?:a=([^,\x01]*))?,\x01(.*)\x01\x01$", re.DOTALL)
_BEARER = re.compile(rb"^auth=bearer ([^\x01]+)$", re.IGNORECASE)


class MalformedSasl(Exception):
    """The initial response is not what the mechanism prescribes."""


@dataclass(frozen=True, slots=True)
class Presented:
    """`user` is the mailbox that is to be opened."""

    user: str
    access_token: str = field(repr=False)


def read_response(mechanism: str, response: bytes) -> Presented:
    try:
        return _oauthbearer(response) if mechanism.upper() == "OAUTHBEARER" else _xoauth2(response)
    except UnicodeDecodeError as error:
        raise MalformedSasl("not UTF-8") from error


def failure_challenge(mechanism: str, status: str, scope: str) -> bytes:
    """The JSON sent before the final refusal; the client answers it with an empty line or a single ^A."""
    if mechanism.upper() == "OAUTHBEARER":
        return json.dumps({"status": status, "scope": scope}).encode()
    return json.dumps(
        {"status": "401" if status == "invalid_token" else "400", "schemes": "bearer", "scope": scope}
    ).encode()


def _xoauth2(response: bytes) -> Presented:
    found = _XOAUTH2.match(response)
    if found is None:
        raise MalformedSasl("not an XOAUTH2 response")
    return Presented(found[1].decode(), found[2].decode())


def _oauthbearer(response: bytes) -> Presented:
    found = _GS2.match(response)
    pairs = found[2].split(b"\x01") if found else []
    tokens = [bearer[1] for pair in pairs if (bearer := _BEARER.match(pair))]
    if found is None or not found[1] or len(tokens) != 1:
        raise MalformedSasl("not an OAUTHBEARER response with a user")
    user = found[1].replace(b"=2C", b",").replace(b"=3D", b"=")
    return Presented(user.decode(), tokens[0].decode())
