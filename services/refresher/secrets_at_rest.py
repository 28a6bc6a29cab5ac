"""Which secret of the refresher lies encrypted where: one name per field, so that no value opens in another place."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from pydantic import SecretStr

from grantkeeper.crypto.at_rest import AtRest

GRANTS: Final = "grants"
AUTHORIZATIONS: Final = "authorizations"
OPENED_MAX: Final = 4096
"""Opened access tokens kept in memory: some megabytes, and a fifth of the time of an answer."""


class Secrets:
    """Encrypts and decrypts the refresher's own fields."""

    def __init__(self, at_rest: AtRest, fingerprint_of: Callable[[str], str]) -> None:
        self._at_rest = at_rest
        self._fingerprint_of = fingerprint_of
        self._opened = lru_cache(maxsize=OPENED_MAX)(self._open_access_token)

    def keep_access_token(self, config_id: str, value: SecretStr) -> str:
        return self._encrypt(value, GRANTS, config_id, "access_token")

    def access_token(self, config_id: str, stored: str) -> SecretStr:
        """Decrypt; kept for a while, since the same access token is handed out again and again."""
        return self._opened(config_id, stored)

    def keep_refresh_token(self, config_id: str, value: SecretStr) -> str:
        return self._encrypt(value, GRANTS, config_id, "refresh_token")

    def refresh_token(self, config_id: str, stored: str) -> SecretStr:
        return self._decrypt(stored, GRANTS, config_id, "refresh_token")

    def keep_code(self, config_id: str, value: SecretStr) -> str:
        return self._encrypt(value, GRANTS, config_id, "code")

    def code(self, config_id: str, stored: str) -> SecretStr:
        return self._decrypt(stored, GRANTS, config_id, "code")

    def keep_device_code(self, config_id: str, value: SecretStr) -> str:
        return self._encrypt(value, GRANTS, config_id, "device_code")

    def device_code(self, config_id: str, stored: str) -> SecretStr:
        return self._decrypt(stored, GRANTS, config_id, "device_code")

    def keep_verifier(self, state_hash: str, value: SecretStr) -> str:
        return self._encrypt(value, AUTHORIZATIONS, state_hash, "verifier")

    def verifier(self, state_hash: str, stored: str) -> SecretStr:
        return self._decrypt(stored, AUTHORIZATIONS, state_hash, "verifier")

    def renewed(self, config_id: str, field: str, stored: str) -> str:
        """Write a grant's value anew under the current key; raises DecryptionError."""
        return self._encrypt(self._decrypt(stored, GRANTS, config_id, field), GRANTS, config_id, field)

    def fingerprint(self, refresh_token: SecretStr) -> str:
        """Name a refresh token without telling it."""
        return self._fingerprint_of(refresh_token.get_secret_value())

    def _open_access_token(self, config_id: str, stored: str) -> SecretStr:
        return self._decrypt(stored, GRANTS, config_id, "access_token")

    def _encrypt(self, value: SecretStr, collection: str, document: str, field: str) -> str:
        return self._at_rest.encrypt(value, collection=collection, document=document, field=field)

    def _decrypt(self, stored: str, collection: str, document: str, field: str) -> SecretStr:
        return self._at_rest.decrypt(stored, collection=collection, document=document, field=field)
