"""A credential file: everything one principal needs to ask, in one JSON file that only its owner can read.

`format` is versioned; unknown fields are refused, so that a file of a later format is not half understood.
"""

import json
import os
import re
import stat
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ._exceptions import CredentialError
from ._signing import SigningKey

FORMAT: Final = "grantkeeper.credential.v1"
PRINCIPAL_ID: Final = re.compile(r"[a-z0-9-]{1,64}")
_KEY_LENGTH: Final = 32
_NEEDED: Final = (
    "principal", "key_version", "ring_id", "signing_key", "vault_ring_id", "sealing_key",
    "installation_key", "bootstrap_servers", "prefix",
)  # fmt: skip
_SERVER: Final = re.compile(r"[^\s,]+:[0-9]{1,5}")
# A credential is about 800 bytes; more is another file.
_MAX_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Credential:
    """One principal: who it is, its two keys, the installation's public key, and where Kafka is.

    `version` is the version of both keys; it rises when the principal is registered anew. `bootstrap_servers` is
    Kafka's list "host:port,host:port", `prefix` stands before every topic name.
    """

    principal: str
    version: int
    ring_id: str
    signing_key: bytes = field(repr=False)
    vault_ring_id: str
    sealing_key: bytes = field(repr=False)
    installation_key: Mapping[str, Any] = field(repr=False)
    bootstrap_servers: str
    prefix: str

    def signer(self) -> SigningKey:
        """The key that signs what this principal sends, and checks what it is answered."""
        return SigningKey(self.principal, self.version, self.ring_id, self.signing_key)


def load_credential(path: str | Path) -> Credential:
    """Read and check a credential file; raises CredentialError with one line that names the file and the cure."""
    place = Path(path)
    return parse_credential(read_private_file(place, "credential file"), str(place))


def read_private_file(path: Path, what: str) -> str:
    """Read a file of secrets that nobody but its owner can open; raises CredentialError."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise CredentialError(
                    f"{what} {path} is open to others (mode {mode:04o}): its keys may be known; "
                    f"run chmod 600, and mint a new one if others can log in here"
                )
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise CredentialError(f"{what} {path} cannot be read: {error.strerror}") from None
    if len(raw) > _MAX_BYTES:
        raise CredentialError(f"{what} {path} is longer than {_MAX_BYTES} bytes: this is another file")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise CredentialError(f"{what} {path} is not UTF-8 text: this is another file") from None


def parse_credential(text: str, place: str = "credential") -> Credential:
    """Check the text of a credential; `place` names it in the error. Raises CredentialError."""
    try:
        fields = json.loads(text)
    except ValueError:
        raise CredentialError(f"{place} is not JSON: mint the credential anew") from None
    if not isinstance(fields, dict) or fields.pop("format", None) != FORMAT:
        raise CredentialError(f"{place} is not a credential of format {FORMAT}: mint it anew with this version")
    wrong = sorted(set(fields) ^ set(_NEEDED))
    if wrong:
        raise CredentialError(f"{place} lacks a field or has one too many ({', '.join(wrong)}): mint it anew")
    try:
        return _credential(fields)
    except (ValueError, TypeError) as error:
        raise CredentialError(f"{place}: {error}: mint the credential anew") from None


def dump_credential(credential: Credential) -> str:
    """Write a credential as the JSON text of its file; the caller keeps it secret (mode 0600)."""
    fields = {
        "format": FORMAT,
        "principal": credential.principal,
        "key_version": credential.version,
        "ring_id": credential.ring_id,
        "signing_key": urlsafe_b64encode(credential.signing_key).decode(),
        "vault_ring_id": credential.vault_ring_id,
        "sealing_key": urlsafe_b64encode(credential.sealing_key).decode(),
        "installation_key": dict(credential.installation_key),
        "bootstrap_servers": credential.bootstrap_servers,
        "prefix": credential.prefix,
    }
    return json.dumps(fields, indent=2) + "\n"


def _credential(fields: Mapping[str, Any]) -> Credential:
    version = fields["key_version"]
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ValueError("key_version must be a number from 1")
    principal = _text(fields, "principal")
    if not PRINCIPAL_ID.fullmatch(principal):
        raise ValueError("principal must be 1 to 64 of a-z, 0-9 and hyphen")
    return Credential(
        principal=principal,
        version=version,
        ring_id=_text(fields, "ring_id"),
        signing_key=_key(fields, "signing_key"),
        vault_ring_id=_text(fields, "vault_ring_id"),
        sealing_key=_key(fields, "sealing_key"),
        installation_key=_public_jwk(fields["installation_key"]),
        bootstrap_servers=_servers(fields),
        prefix=_text(fields, "prefix", empty=True),
    )


def _text(fields: Mapping[str, Any], name: str, *, empty: bool = False) -> str:
    value = fields[name]
    if not isinstance(value, str) or not (value or empty):
        raise ValueError(f"{name} must be text")
    return value


def _servers(fields: Mapping[str, Any]) -> str:
    servers = _text(fields, "bootstrap_servers")
    if not all(_SERVER.fullmatch(server.strip()) for server in servers.split(",")):
        raise ValueError("bootstrap_servers must be host:port,host:port")
    return servers


def _key(fields: Mapping[str, Any], name: str) -> bytes:
    try:
        key = urlsafe_b64decode(_text(fields, name))
    except ValueError:
        key = b""
    if len(key) != _KEY_LENGTH:
        raise ValueError(f"{name} must be {_KEY_LENGTH} bytes in base64url")
    return key


def _public_jwk(jwk: object) -> Mapping[str, Any]:
    if not isinstance(jwk, dict) or set(jwk) != {"kty", "crv", "x", "y", "kid"}:
        raise ValueError("installation_key must be a public JWK (EC, P-256) with kid")
    return jwk
