"""The two rings from which every key of an installation is derived or taken.

The auth ring (every service) yields signing keys; the vault ring (the refresher alone) yields sealing keys, the
installation's key pair and the keys at rest. Both hold several entries, one of them current: new things use the current
one, old things name theirs, so that a rotation is online. An entry has the same id in both rings: the ring id in a
signature also names the sealing key of who signed. The fingerprint key never rotates.
"""

import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc.jwk import ECKey

from grantkeeper.crypto.errors import RingError
from grantkeeper.crypto.ring_file import (
    KEY_LENGTH,
    read_key,
    read_private_jwk,
    read_ring,
    ring_format,
    write_key,
)
from grantkeeper_client import SignatureParts, SigningKey

# Principals in use, times their versions and rings; what is not kept is derived again in microseconds.
_KEPT_KEYS: Final = 4096
_SERVICE_KEY_VERSION: Final = 1


class _Derived:
    """HKDF-SHA256 (RFC 5869) of ring entries, kept: a signature is then checked at the price of a look-up."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, ...], bytes] = {}

    def key(self, entries: Mapping[str, bytes], ring_id: str, *purpose: str) -> bytes:
        """Derive 32 bytes for one purpose; KeyError where the ring has no such entry."""
        name = (ring_id, *purpose)
        key = self._kept.get(name)
        if key is None:
            # No part holds a NUL, so two purposes never become one.
            info = "\0".join(("grantkeeper v1", *purpose)).encode()
            key = HKDF(SHA256(), KEY_LENGTH, salt=None, info=info).derive(entries[ring_id])
            if len(self._kept) >= _KEPT_KEYS:  # a stranger can name any signer: he must not fill the memory
                self._kept.clear()
            self._kept[name] = key
        return key


@dataclass(frozen=True)
class AuthRing:
    """Signing keys, derived by signer and version."""

    current: str
    entries: Mapping[str, bytes] = field(repr=False)
    _derived: _Derived = field(default_factory=_Derived, init=False, repr=False, compare=False)

    @classmethod
    def new(cls, ring_id: str) -> Self:
        """Make a ring of one fresh entry."""
        return cls(ring_id, {ring_id: secrets.token_bytes(KEY_LENGTH)})

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Read a ring file; raises RingError with one line that names the file and the cure."""
        place = Path(path)
        current, entries, _ = read_ring(place, "auth", frozenset({"secret"}))
        return cls(current, {ring_id: read_key(place, entry, "secret") for ring_id, entry in entries.items()})

    def to_json(self) -> str:
        """Write the text of the ring file: secret, mode 0600."""
        entries = {ring_id: {"secret": write_key(secret)} for ring_id, secret in self.entries.items()}
        return _dump({"format": ring_format("auth"), "current": self.current, "entries": entries})

    def with_entry(self, ring_id: str) -> Self:
        """Add a fresh entry, not yet current: first every service must know it."""
        return type(self)(self.current, {**self.entries, **_fresh(self.entries, ring_id)})

    def with_current(self, ring_id: str) -> Self:
        """Make an entry the current one; raises RingError where there is none of this id."""
        _require(ring_id, self.entries)
        return type(self)(ring_id, self.entries)

    def without_entry(self, ring_id: str) -> Self:
        """Drop an entry that is not the current one; raises RingError."""
        return type(self)(self.current, _left(self.entries, ring_id, self.current))

    def principal_key(self, principal: str, version: int, ring_id: str | None = None) -> SigningKey:
        """Return a principal's signing key, of the current entry unless another one is named (RingError: unknown)."""
        return self._key(principal, version, ring_id or self.current)

    def service_key(self, name: str) -> SigningKey:
        """Return the key by which a service signs its events; its signer is "@" and the name."""
        return self._key(f"@{name}", _SERVICE_KEY_VERSION, self.current)

    def key_for(self, parts: SignatureParts) -> SigningKey | None:
        """Return the key that a signature names, for any signer; None where this ring has no such entry.

        That there is a key says nothing about who exists: the directory of principals does.
        """
        if parts.ring_id not in self.entries:
            return None
        return self._key(parts.signer, parts.version, parts.ring_id)

    def _key(self, signer: str, version: int, ring_id: str) -> SigningKey:
        _require(ring_id, self.entries)
        secret = self._derived.key(self.entries, ring_id, "signer", signer, str(version))
        return SigningKey(signer, version, ring_id, secret)


@dataclass(frozen=True)
class VaultRing:
    """Sealing keys, the installation's key pairs, the keys at rest and the fingerprint key; the refresher's alone."""

    current: str
    entries: Mapping[str, bytes] = field(repr=False)
    installation_keys: Mapping[str, Mapping[str, Any]] = field(repr=False)
    fingerprint_key: bytes = field(repr=False)
    _derived: _Derived = field(default_factory=_Derived, init=False, repr=False, compare=False)

    @classmethod
    def new(cls, ring_id: str) -> Self:
        """Make a ring of one fresh entry."""
        entry = {ring_id: secrets.token_bytes(KEY_LENGTH)}
        return cls(ring_id, entry, {ring_id: _new_installation_key(ring_id)}, secrets.token_bytes(KEY_LENGTH))

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Read a ring file; raises RingError with one line that names the file and the cure."""
        place = Path(path)
        current, entries, fields = read_ring(place, "vault", frozenset({"secret", "installation_key"}))
        return cls(
            current,
            {ring_id: read_key(place, entry, "secret") for ring_id, entry in entries.items()},
            {
                ring_id: read_private_jwk(place, entry["installation_key"], ring_id)
                for ring_id, entry in entries.items()
            },
            read_key(place, fields, "fingerprint_key"),
        )

    def to_json(self) -> str:
        """Write the text of the ring file: secret, mode 0600."""
        entries = {
            ring_id: {"secret": write_key(secret), "installation_key": self.installation_keys[ring_id]}
            for ring_id, secret in self.entries.items()
        }
        return _dump(
            {
                "format": ring_format("vault"),
                "current": self.current,
                "entries": entries,
                "fingerprint_key": write_key(self.fingerprint_key),
            }
        )

    def with_entry(self, ring_id: str) -> Self:
        """Add a fresh entry with a fresh key pair, not yet current; the fingerprint key stays."""
        entries = {**self.entries, **_fresh(self.entries, ring_id)}
        keys = {**self.installation_keys, ring_id: _new_installation_key(ring_id)}
        return type(self)(self.current, entries, keys, self.fingerprint_key)

    def with_current(self, ring_id: str) -> Self:
        """Make an entry the current one; raises RingError where there is none of this id."""
        _require(ring_id, self.entries)
        return type(self)(ring_id, self.entries, self.installation_keys, self.fingerprint_key)

    def without_entry(self, ring_id: str) -> Self:
        """Drop an entry that is not the current one, with its key pair; raises RingError."""
        entries = _left(self.entries, ring_id, self.current)
        keys = {one: key for one, key in self.installation_keys.items() if one in entries}
        return type(self)(self.current, entries, keys, self.fingerprint_key)

    def principal_sealing_key(self, principal: str, version: int, ring_id: str | None = None) -> bytes:
        """Return the 32 bytes that seal for one principal; `ring_id`: as in its signature (RingError: unknown)."""
        ring_id = ring_id or self.current
        _require(ring_id, self.entries)
        return self._derived.key(self.entries, ring_id, "principal", principal, str(version))

    def installation_public_jwk(self) -> dict[str, Any]:
        """Return the public key that new secrets are sealed to; its `kid` is the ring id."""
        return {name: value for name, value in self.installation_keys[self.current].items() if name != "d"}

    def installation_private_jwks(self) -> Mapping[str, Mapping[str, Any]]:
        """Return every key pair by `kid`: secrets sealed to an old one still open."""
        return self.installation_keys

    def at_rest_key(self, kid: str) -> bytes | None:
        """Return the key at rest of one entry, None where the ring has no such entry; new values use `current`."""
        return self._derived.key(self.entries, kid, "at rest") if kid in self.entries else None

    def fingerprint(self, refresh_token: str) -> str:
        """Name a refresh token without telling it: HMAC-SHA256 hex, equal for equal ones, in any rotation."""
        return hmac.digest(self.fingerprint_key, refresh_token.encode(), "sha256").hex()


def _new_installation_key(ring_id: str) -> dict[str, Any]:
    return dict(ECKey.generate_key("P-256", {"kid": ring_id}, auto_kid=False).as_dict(private=True))


def _fresh(entries: Mapping[str, bytes], ring_id: str) -> dict[str, bytes]:
    if ring_id in entries:
        raise RingError(f"the ring has an entry {ring_id}: choose another id")
    return {ring_id: secrets.token_bytes(KEY_LENGTH)}


def _left(entries: Mapping[str, bytes], ring_id: str, current: str) -> dict[str, bytes]:
    _require(ring_id, entries)
    if ring_id == current:
        raise RingError(f"the entry {ring_id} is the one in use: use another one first")
    return {one: secret for one, secret in entries.items() if one != ring_id}


def _require(ring_id: str, entries: Mapping[str, bytes]) -> None:
    if ring_id not in entries:
        raise RingError(f"the ring has no entry {ring_id}: was it removed, or is this another installation's ring?")


def _dump(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, indent=2) + "\n"
