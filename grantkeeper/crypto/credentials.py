"""Makes what people carry away: the two ring files of an installation, and credentials cut from them."""

import secrets
from pathlib import Path
from typing import Final

from grantkeeper.crypto import private_file
from grantkeeper.crypto.errors import RingError
from grantkeeper.crypto.ring import AuthRing, VaultRing
from grantkeeper_client import PRINCIPAL_ID, Credential

AUTH_RING: Final = "auth.ring.json"
VAULT_RING: Final = "vault.ring.json"


def mint(
    auth_ring: AuthRing, vault_ring: VaultRing, principal: str, version: int, bootstrap_servers: str, prefix: str
) -> Credential:
    """Cut the credential of a principal's key version from the current entries; ValueError for an id that is none."""
    if not PRINCIPAL_ID.fullmatch(principal):
        raise ValueError(f"{principal!r} is no principal id: use 1 to 64 of a-z, 0-9 and hyphen")
    if auth_ring.current != vault_ring.current:
        raise RingError(
            f"the rings are not of one rotation (auth {auth_ring.current}, vault {vault_ring.current}): "
            f"put files that were written together in place"
        )
    signing_key = auth_ring.principal_key(principal, version)
    return Credential(
        principal=principal,
        version=version,
        ring_id=signing_key.ring_id,
        signing_key=signing_key.secret,
        vault_ring_id=vault_ring.current,
        sealing_key=vault_ring.principal_sealing_key(principal, version),
        installation_key=vault_ring.installation_public_jwk(),
        bootstrap_servers=bootstrap_servers,
        prefix=prefix,
    )


def make_rings(folder: str | Path) -> tuple[AuthRing, VaultRing]:
    """Write both ring files (0600) of a new installation; raises RingError rather than replace one."""
    place = Path(folder)
    for name in (AUTH_RING, VAULT_RING):
        if (place / name).exists():
            raise RingError(f"{place / name} exists: without it everything it protects is lost; use another folder")
    ring_id = _new_ring_id()
    rings = AuthRing.new(ring_id), VaultRing.new(ring_id)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    private_file.write_new(place / AUTH_RING, rings[0].to_json())
    private_file.write_new(place / VAULT_RING, rings[1].to_json())
    return rings


def load_rings(folder: str | Path) -> tuple[AuthRing, VaultRing]:
    """Read both ring files of a folder; raises RingError."""
    return AuthRing.from_file(Path(folder) / AUTH_RING), VaultRing.from_file(Path(folder) / VAULT_RING)


def add_entry(folder: str | Path) -> str:
    """Begin a rotation: add one fresh entry to both ring files and return its id.

    It is not used yet: hand the files to every service and restart it, then call `use_entry`. A service that met
    an entry it does not know would take the messages signed with it for forged.
    """
    auth_ring, vault_ring = load_rings(folder)
    ring_id = _new_ring_id()
    _replace(folder, auth_ring.with_entry(ring_id), vault_ring.with_entry(ring_id))
    return ring_id


def use_entry(folder: str | Path, ring_id: str) -> None:
    """End a rotation: new keys come from this entry; the old ones still verify and open what they made."""
    auth_ring, vault_ring = load_rings(folder)
    _replace(folder, auth_ring.with_current(ring_id), vault_ring.with_current(ring_id))


def remove_entry(folder: str | Path, ring_id: str) -> None:
    """Drop an old entry from both ring files: what it signed, sealed or encrypted is worthless from then on."""
    auth_ring, vault_ring = load_rings(folder)
    _replace(folder, auth_ring.without_entry(ring_id), vault_ring.without_entry(ring_id))


def _replace(folder: str | Path, auth_ring: AuthRing, vault_ring: VaultRing) -> None:
    private_file.replace(Path(folder) / VAULT_RING, vault_ring.to_json())
    private_file.replace(Path(folder) / AUTH_RING, auth_ring.to_json())


def _new_ring_id() -> str:
    return secrets.token_hex(4)
