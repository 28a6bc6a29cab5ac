"""What a mail program sends to log in with an access token, before base64.

XOAUTH2 as Google and Microsoft document it, OAUTHBEARER as RFC 7628. A server that refuses sends one more challenge:
answer it with an empty line (XOAUTH2) or one 0x01 (OAUTHBEARER), and only then comes the failure.
"""

import re
from base64 import b64encode
from typing import Final

from ._exceptions import SaslError

_END: Final = "\x01"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def xoauth2(user: str, access_token: str) -> bytes:
    """Write the XOAUTH2 message; raises SaslError for what would break out of its field."""
    _check("user", user)
    _check("access token", access_token)
    return f"user={user}{_END}auth=Bearer {access_token}{_END}{_END}".encode()


def oauthbearer(user: str, access_token: str, host: str | None = None, port: int | None = None) -> bytes:
    """Write the OAUTHBEARER message (RFC 7628, section 3.1); raises SaslError for what would break out of its field."""
    _check("user", user)
    _check("access token", access_token)
    fields = [f"n,a={_saslname(user)},"]
    if host is not None:
        _check("host", host)
        fields.append(f"host={host}")
    if port is not None:
        fields.append(f"port={port:d}")
    return (_END.join([*fields, f"auth=Bearer {access_token}"]) + _END + _END).encode()


def pop3_two_lines(user: str, access_token: str) -> tuple[str, str]:
    """Write XOAUTH2 for POP3 servers that want command and data on two lines, as Microsoft's do.

    The second line goes out after the server's "+ "; both without line end.
    """
    return "AUTH XOAUTH2", b64encode(xoauth2(user, access_token)).decode()


def _saslname(user: str) -> str:
    # RFC 5801, section 4: "=" first, since it starts the escape of the other.
    return user.replace("=", "=3D").replace(",", "=2C")


def _check(what: str, text: str) -> None:
    if not text:
        raise SaslError(f"the {what} is empty")
    if _CONTROL.search(text):
        raise SaslError(f"the {what} holds a control character: it would end its field")
