"""Secrets in MongoDB: AES-256-GCM, each value bound to its collection, document and field.

`enc:v1:<key id>:<base64url of nonce and ciphertext>`. A value copied to another document or field does not open.
Nonces are random: one key is good for 2**32 values (NIST SP 800-38D, section 8.3); rotate long before.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from secrets import token_bytes
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from grantkeeper.crypto.errors import DecryptionError
from grantkeeper.crypto.ring import VaultRing

_PREFIX: Final = "enc:v1:"
_NONCE_LENGTH: Final = 12


class AtRest:
    """Encrypts and decrypts one field of one document."""

    def __init__(self, ring: VaultRing) -> None:
        self._ring = ring
        self._ciphers: dict[str, AESGCM] = {}

    @property
    def current_kid(self) -> str:
        """The key of new values; a sweep looks for values of any other one."""
        return self._ring.current

    def encrypt(self, plaintext: SecretStr | str, *, collection: str, document: str, field: str) -> str:
        """Encrypt with the current key."""
        text = plaintext.get_secret_value() if isinstance(plaintext, SecretStr) else plaintext
        kid = self._ring.current
        nonce = token_bytes(_NONCE_LENGTH)
        sealed = self._cipher(kid).encrypt(nonce, text.encode(), _place(kid, collection, document, field))
        return f"{_PREFIX}{kid}:{urlsafe_b64encode(nonce + sealed).decode()}"

    def decrypt(self, value: str, *, collection: str, document: str, field: str) -> SecretStr:
        """Decrypt with the key that the value names; raises DecryptionError."""
        kid = key_id(value)
        try:
            raw = urlsafe_b64decode(value.rpartition(":")[2])
            nonce, sealed = raw[:_NONCE_LENGTH], raw[_NONCE_LENGTH:]
            text = self._cipher(kid).decrypt(nonce, sealed, _place(kid, collection, document, field)).decode()
        except (InvalidTag, ValueError):
            raise DecryptionError(
                f"{collection}.{field} of {document} does not open with key {kid}: damaged, moved from another "
                f"document, or of another installation"
            ) from None
        return SecretStr(text)

    def _cipher(self, kid: str) -> AESGCM:
        cipher = self._ciphers.get(kid)
        if cipher is None:
            key = self._ring.at_rest_key(kid)
            if key is None:
                raise DecryptionError(f"the vault ring has no key {kid}: put the ring that made this database in place")
            cipher = self._ciphers[kid] = AESGCM(key)
        return cipher


def key_id(value: str) -> str:
    """Name the key of an encrypted value; raises DecryptionError where it is none."""
    kid, separator, _ = value.removeprefix(_PREFIX).partition(":")
    if not value.startswith(_PREFIX) or not separator:
        raise DecryptionError("a value that must be encrypted is not: was the database written by hand?")
    return kid


def _place(kid: str, *names: str) -> bytes:
    # JSON, since a document's id may hold any character: two places never become one.
    return json.dumps(["v1", kid, *names]).encode()
