"""A client that signs: its key, made once per run, and the assertions it makes (RFC 7523)."""

import secrets
import time
from functools import cache
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

LIFE = 300  # seconds


@cache
def signing_key(name: str = "the client's") -> RSAKey:
    return RSAKey.generate_key(2048, {"use": "sig", "alg": "PS256", "kid": f"{name} key"}, private=True)


def public_keys() -> dict[str, Any]:
    return {"keys": [dict(signing_key().as_dict(private=False))]}


def client_assertion(client_id: str, audience: str, *, age: int = 0, foreign_key: bool = False) -> str:
    """A `client_assertion` made `age` seconds ago."""
    return signed({"sub": client_id, "iss": client_id, "aud": audience}, age=age, foreign_key=foreign_key)


def signed(claims: dict[str, Any], *, age: int = 0, foreign_key: bool = False) -> str:
    issued = int(time.time()) - age
    stamped = {"iat": issued, "exp": issued + LIFE, "jti": secrets.token_hex(16)} | claims
    key = signing_key("another's") if foreign_key else signing_key()
    kid = signing_key().kid
    return jwt.encode({"alg": "PS256", "typ": "JWT", "kid": kid}, stamped, key, algorithms=["PS256"])
