"""The texts of tokens and codes: as long as real ones, and nothing in them to read.

Lengths as seen at Google (ya29..., 1//0...) and Microsoft (over a thousand characters); at least 256 bits of chance.
"""

import secrets

from devstack.provider.settings import Flavour

# flavour -> prefix, random bytes
ACCESS = {Flavour.GOOGLE: ("ya29.a0A", 150), Flavour.MICROSOFT: ("EwB", 900), Flavour.PLAIN: ("", 32)}
REFRESH = {Flavour.GOOGLE: ("1//0", 72), Flavour.MICROSOFT: ("1.AX", 700), Flavour.PLAIN: ("", 32)}


def access_token_text(flavour: Flavour, at_least: int = 0) -> str:
    prefix, size = ACCESS[flavour]
    text = prefix + secrets.token_urlsafe(size)
    return text if len(text) >= at_least else text + secrets.token_urlsafe(at_least - len(text))[: at_least - len(text)]


def refresh_token_text(flavour: Flavour) -> str:
    prefix, size = REFRESH[flavour]
    return prefix + secrets.token_urlsafe(size)


def code_text(flavour: Flavour) -> str:
    return ("4/0A" if flavour is Flavour.GOOGLE else "") + secrets.token_urlsafe(48)


def new_id() -> str:
    return secrets.token_hex(16)
