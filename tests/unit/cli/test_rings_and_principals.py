"""What is done without a bus: the first keys of an installation."""

import stat
from pathlib import Path

import pytest

from grantkeeper.crypto.credentials import load_rings
from grantkeeper_client import load_credential
from tests.unit.cli.command_line import CommandLine


def test_rings_are_made_once(grantkeeper: CommandLine, tmp_path: Path) -> None:
    folder = str(tmp_path / "rings")
    assert grantkeeper.run("rings", "make", folder) == 0
    auth_ring, vault_ring = load_rings(folder)
    for secret in (auth_ring.to_json(), vault_ring.to_json()):
        assert secret not in grantkeeper.out + grantkeeper.err
    assert grantkeeper.run("rings", "make", folder) == 78
    assert "exists" in grantkeeper.err
    assert load_rings(folder) == (auth_ring, vault_ring)


def test_a_rotation_has_two_steps(grantkeeper: CommandLine, tmp_path: Path) -> None:
    folder = str(tmp_path)
    grantkeeper.run("rings", "make", folder)
    old = load_rings(folder)[0].current
    assert grantkeeper.run("rings", "add", folder) == 0
    new = grantkeeper.out.strip()
    assert load_rings(folder)[0].current == old
    assert grantkeeper.run("rings", "use", folder, new) == 0
    assert grantkeeper.run("rings", "show", folder) == 0
    assert grantkeeper.out == f"auth.ring.json: {old} {new}*\nvault.ring.json: {old} {new}*\n"
    assert grantkeeper.run("rings", "use", folder, "nonsense") == 78


def test_the_first_credentials_are_minted_offline(grantkeeper: CommandLine, tmp_path: Path) -> None:
    rings, file = str(tmp_path), tmp_path / "admin.json"
    grantkeeper.run("rings", "make", rings)
    minted = ["principals", "mint", "admin", "--rings", rings, "--bootstrap-servers", "k:9092", "--file", str(file)]
    assert grantkeeper.run(*minted) == 0
    assert grantkeeper.out == f"{file}\n"
    credential = load_credential(file)
    assert (credential.principal, credential.version, credential.prefix) == ("admin", 1, "grantkeeper.")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert grantkeeper.run(*minted) == 73
    assert "exists" in grantkeeper.err


def test_minting_offline_needs_to_know_where_kafka_is(grantkeeper: CommandLine, tmp_path: Path) -> None:
    grantkeeper.run("rings", "make", str(tmp_path))
    assert grantkeeper.run("principals", "mint", "admin", "--rings", str(tmp_path)) == 64
    assert "--bootstrap-servers" in grantkeeper.err


@pytest.mark.parametrize("name", ["Admin", "a_b", "", "a" * 65])
def test_a_name_that_is_no_id_is_refused(grantkeeper: CommandLine, name: str) -> None:
    assert grantkeeper.run("principals", "add", name, "--role", "mail") == 64
    assert "a-z, 0-9 and hyphen" in grantkeeper.err
