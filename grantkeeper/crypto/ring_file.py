"""The JSON of a ring file, strictly: what is half understood is refused before a process starts."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from grantkeeper.crypto.errors import RingError
from grantkeeper_client import CredentialError, read_private_file

KEY_LENGTH: Final = 32
RING_ID: Final = re.compile(r"[a-z0-9-]{1,64}")
_CURE: Final = "restore it from the backup"


def read_ring(path: Path, kind: str, needed: frozenset[str]) -> tuple[str, dict[str, dict[str, Any]], dict[str, Any]]:
    """Return the current id, the entries (fields `needed` each) and all fields of a ring file; raises RingError."""
    try:
        fields = json.loads(read_private_file(path, "ring file"))
    except CredentialError as error:
        raise RingError(str(error)) from None
    except ValueError:
        raise RingError(f"ring file {path} is not JSON: {_CURE}") from None
    if not isinstance(fields, dict) or fields.get("format") != ring_format(kind):
        raise RingError(f"ring file {path} is not of format {ring_format(kind)}: is it the other ring?")
    entries = fields.get("entries")
    if not isinstance(entries, dict) or not all(_is_entry(*item, needed) for item in entries.items()):
        raise RingError(f"ring file {path} has an entry that is not {{id: {', '.join(sorted(needed))}}}: {_CURE}")
    if fields.get("current") not in entries:
        raise RingError(f"ring file {path} names a current entry that it does not hold: {_CURE}")
    return fields["current"], entries, fields


def ring_format(kind: str) -> str:
    """Return the word by which a ring file says what it is, e.g. `grantkeeper.auth_ring.v1`."""
    return f"grantkeeper.{kind}_ring.v1"


def read_key(path: Path, fields: Mapping[str, Any], name: str) -> bytes:
    """Take 32 bytes in base64url out of a ring file; raises RingError."""
    try:
        key = urlsafe_b64decode(fields[name])
    except (KeyError, TypeError, ValueError):
        key = b""
    if len(key) != KEY_LENGTH:
        raise RingError(f"ring file {path}: {name} is not {KEY_LENGTH} bytes in base64url: {_CURE}")
    return key


def write_key(key: bytes) -> str:
    """Write a key as `read_key` reads it."""
    return urlsafe_b64encode(key).decode()


def read_private_jwk(path: Path, jwk: Any, kid: str) -> dict[str, Any]:
    """Take a private key pair (EC, P-256) out of a ring file; raises RingError."""
    try:
        key = ECKey.import_key(jwk)
    except (JoseError, ValueError, TypeError, KeyError):
        raise RingError(f"ring file {path}: installation_key of {kid} is not a key: {_CURE}") from None
    if not key.is_private or key.curve_name != "P-256" or key.kid != kid:
        raise RingError(f"ring file {path}: installation_key of {kid} is not its private P-256 key: {_CURE}")
    return dict(jwk)


def _is_entry(ring_id: str, entry: object, needed: frozenset[str]) -> bool:
    return bool(RING_ID.fullmatch(ring_id)) and isinstance(entry, dict) and set(entry) == needed
