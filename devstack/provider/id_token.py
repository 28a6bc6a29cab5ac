"""ID tokens (OpenID Connect Core section 2), so that a client can tell which account said yes.

The signing key is made at first need and kept with the data: a client may have kept the key set.
"""

import json

from joserfc import jwt
from joserfc.jwk import RSAKey

from devstack.provider.provider import Provider
from devstack.provider.records import Document, digest
from devstack.provider.token_text import new_id

KEY_DOCUMENT = "signing-key"
LIFE = 600  # seconds


class IdTokens:
    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._key: RSAKey | None = None

    def make(self, realm: str, client_id: str, login: str, nonce: str | None) -> str:
        now = int(self._provider.clock())
        claims = {
            "iss": self._provider.issuer(realm),
            "aud": client_id,
            "sub": subject(login),
            "email": login,
            "email_verified": True,
            "preferred_username": login,
            "iat": now,
            "exp": now + LIFE,
        }
        if nonce is not None:
            claims["nonce"] = nonce
        key = self._signing_key()
        return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)

    def public_keys(self) -> dict[str, list[dict[str, object]]]:
        return {"keys": [dict(self._signing_key().as_dict(private=False))]}

    def _signing_key(self) -> RSAKey:
        if self._key is None:
            self._key = self._recall() or self._create()
        return self._key

    def _recall(self) -> RSAKey | None:
        document = self._provider.store.get(Document, KEY_DOCUMENT)
        return None if document is None else RSAKey.import_key(json.loads(document.body))

    def _create(self) -> RSAKey:
        key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": new_id()}, private=True)
        self._provider.store.put(Document(KEY_DOCUMENT, json.dumps(key.as_dict(private=True))))
        self._provider.store.flush()
        return key


def subject(login: str) -> str:
    """A stable id of the account that, as at Google, is not its address."""
    return str(int(digest(login.lower())[:16], 16))
