"""Cookies that only the console can write: signed (JWS, HS256), with an end, readable by their owner.

One key per purpose is derived from the session key, so that a cookie of one purpose never passes for another. Nothing
is kept on the server: any replica, also after a restart, can check what another one wrote.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import SecretStr

_ALGORITHM: Final = "HS256"


class Signer:
    """Signs and checks the claims of one purpose."""

    def __init__(self, key: SecretStr, purpose: str) -> None:
        material = HKDF(hashes.SHA256(), 32, salt=None, info=f"grantkeeper console {purpose}".encode())
        self._key = OctKey.import_key(material.derive(key.get_secret_value().encode()))

    def sign(self, claims: Mapping[str, Any], now: datetime, lifetime: timedelta) -> str:
        """Return a compact text that `read` gives back until `now` + `lifetime`."""
        times = {"iat": int(now.timestamp()), "exp": int((now + lifetime).timestamp())}
        return jwt.encode({"alg": _ALGORITHM}, {**claims, **times}, self._key, algorithms=[_ALGORITHM])

    def read(self, text: str | None, now: datetime) -> Mapping[str, Any] | None:
        """Return the claims, or None for what is missing, forged or over."""
        if not text:
            return None
        try:
            claims = jwt.decode(text, self._key, algorithms=[_ALGORITHM]).claims
            jwt.JWTClaimsRegistry(now=int(now.timestamp()), exp={"essential": True}).validate(claims)
        except (JoseError, ValueError, TypeError, LookupError):
            return None
        return claims
