import json
from pathlib import Path
from typing import Any

import pytest

from grantkeeper.crypto.credentials import mint
from grantkeeper.crypto.ring import AuthRing, VaultRing
from grantkeeper_client import CredentialError, dump_credential, load_credential, parse_credential

CREDENTIAL = mint(AuthRing.new("r1"), VaultRing.new("r1"), "mail-1", 3, "127.0.0.1:9092", "grantkeeper.")


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def changed(**fields: Any) -> str:
    return json.dumps(json.loads(dump_credential(CREDENTIAL)) | fields)


def test_a_credential_comes_back_from_its_file(tmp_path: Path) -> None:
    assert load_credential(written(tmp_path / "c.json", dump_credential(CREDENTIAL))) == CREDENTIAL


def test_a_credential_signs_as_its_principal() -> None:
    key = CREDENTIAL.signer()
    assert (key.signer, key.version, key.ring_id, key.secret) == ("mail-1", 3, "r1", CREDENTIAL.signing_key)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_can_open_is_refused_with_the_cure(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path / "c.json", dump_credential(CREDENTIAL), mode)
    with pytest.raises(CredentialError, match="chmod 600") as caught:
        load_credential(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_that_only_its_owner_can_open_is_read(tmp_path: Path, mode: int) -> None:
    assert load_credential(written(tmp_path / "c.json", dump_credential(CREDENTIAL), mode)) == CREDENTIAL


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match=r"nowhere\.json cannot be read: No such file"):
        load_credential(tmp_path / "nowhere.json")


def test_a_folder_is_no_credential(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="cannot be read"):
        load_credential(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        "{",
        "x" * 70_000,
        changed(format="grantkeeper.credential.v2"),
        changed(more=1),
        json.dumps({"format": "grantkeeper.credential.v1"}),
        changed(key_version="3"),
        changed(key_version=True),
        changed(key_version=0),
        changed(principal="Mail 1"),
        changed(principal=None),
        changed(signing_key="c2hvcnQ="),
        changed(signing_key="é"),
        changed(sealing_key=7),
        changed(installation_key={"kty": "EC"}),
        changed(installation_key={**CREDENTIAL.installation_key, "d": "private"}),
        changed(bootstrap_servers=""),
        changed(bootstrap_servers="kafka"),
        changed(bootstrap_servers="kafka:9092,"),
        changed(bootstrap_servers="kafka:port"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line_that_names_it_and_the_cure(tmp_path: Path, text: str) -> None:
    path = written(tmp_path / "c.json", text)
    with pytest.raises(CredentialError) as caught:
        load_credential(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert "mint" in message or "another file" in message


def test_no_error_quotes_a_key() -> None:
    secret = json.loads(dump_credential(CREDENTIAL))["signing_key"]
    with pytest.raises(CredentialError) as caught:
        parse_credential(changed(signing_key=secret[:-8]))
    assert secret[:16] not in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(b"\xff\xfe")
    path.chmod(0o600)
    with pytest.raises(CredentialError, match="not UTF-8"):
        load_credential(path)


def test_a_credential_does_not_show_its_keys() -> None:
    shown = repr(CREDENTIAL)
    assert "mail-1" in shown
    for key in (CREDENTIAL.signing_key, CREDENTIAL.sealing_key):
        assert repr(key) not in shown
