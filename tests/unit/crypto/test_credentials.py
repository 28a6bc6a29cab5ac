import stat
from pathlib import Path

import pytest

from grantkeeper.crypto import private_file
from grantkeeper.crypto.credentials import (
    AUTH_RING,
    VAULT_RING,
    add_entry,
    load_rings,
    make_rings,
    mint,
    remove_entry,
    use_entry,
)
from grantkeeper.crypto.errors import RingError
from grantkeeper.crypto.ring import AuthRing, VaultRing
from grantkeeper_client import parse_signature, sign, verify
from tests.unit.client.examples import MESSAGE


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_rings_are_made_for_their_owner_alone_and_read_back(tmp_path: Path) -> None:
    made = make_rings(tmp_path / "rings")
    assert load_rings(tmp_path / "rings") == made
    assert mode(tmp_path / "rings") == 0o700
    assert {mode(tmp_path / "rings" / name) for name in (AUTH_RING, VAULT_RING)} == {0o600}


@pytest.mark.parametrize("name", [AUTH_RING, VAULT_RING])
def test_rings_are_never_replaced(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious", encoding="utf-8")
    with pytest.raises(RingError, match=r"exists.*another folder"):
        make_rings(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text(encoding="utf-8") == "precious"


def test_a_credential_signs_what_the_services_verify(tmp_path: Path) -> None:
    auth_ring, vault_ring = make_rings(tmp_path)
    credential = mint(auth_ring, vault_ring, "mail-1", 2, "127.0.0.1:9092", "grantkeeper.")
    signed = sign(MESSAGE, credential.signer())
    parts = parse_signature(signed.signature or "")
    key = auth_ring.key_for(parts)
    assert key is not None
    assert verify(signed, key)
    assert credential.sealing_key == vault_ring.principal_sealing_key(parts.signer, parts.version, parts.ring_id)


def test_a_rotation_is_online(tmp_path: Path) -> None:
    """Every service reads the new entry before any key of it is used; what is out keeps working after it."""
    auth_ring, vault_ring = make_rings(tmp_path)
    before = mint(auth_ring, vault_ring, "mail-1", 1, "k:1", "")
    ring_id = add_entry(tmp_path)
    assert mint(*load_rings(tmp_path), "mail-1", 1, "k:1", "") == before
    use_entry(tmp_path, ring_id)
    after = mint(*load_rings(tmp_path), "mail-1", 1, "k:1", "")
    assert (after.ring_id, after.vault_ring_id) == (ring_id, ring_id)
    assert (
        load_rings(tmp_path)[0].key_for(parse_signature(sign(MESSAGE, before.signer()).signature or ""))
        == before.signer()
    )
    assert mode(tmp_path / AUTH_RING) == 0o600


def test_rings_of_two_rotations_are_not_mixed() -> None:
    with pytest.raises(RingError, match="not of one rotation"):
        mint(AuthRing.new("r1"), VaultRing.new("r2"), "mail-1", 1, "k:1", "")


@pytest.mark.parametrize("principal", ["", "Mail-1", "mail_1", "m" * 65, "mail-1\n", "@refresher"])
def test_an_id_that_is_none_gets_no_credential(principal: str) -> None:
    with pytest.raises(ValueError, match="principal id"):
        mint(AuthRing.new("r1"), VaultRing.new("r1"), principal, 1, "k:1", "")


def test_a_private_file_is_never_replaced_by_accident(tmp_path: Path) -> None:
    private_file.write_new(tmp_path / "f", "one")
    with pytest.raises(FileExistsError):
        private_file.write_new(tmp_path / "f", "two")
    private_file.replace(tmp_path / "f", "three")
    assert (tmp_path / "f").read_text(encoding="utf-8") == "three"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_an_old_entry_goes_from_both_rings_and_the_one_in_use_does_not(tmp_path: Path) -> None:
    auth, vault = make_rings(tmp_path)
    old, fingerprint = auth.current, vault.fingerprint("a refresh token")
    new = add_entry(tmp_path)
    with pytest.raises(RingError, match="in use"):
        remove_entry(tmp_path, old)
    use_entry(tmp_path, new)
    remove_entry(tmp_path, old)
    auth, vault = load_rings(tmp_path)
    assert (set(auth.entries), set(vault.entries), set(vault.installation_private_jwks())) == ({new}, {new}, {new})
    assert vault.at_rest_key(old) is None
    assert vault.fingerprint("a refresh token") == fingerprint, "two configs are still told apart"
    with pytest.raises(RingError, match="no entry"):
        remove_entry(tmp_path, old)
