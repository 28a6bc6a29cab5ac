import json
from pathlib import Path
from typing import Any

import pytest

from grantkeeper.crypto.errors import RingError
from grantkeeper.crypto.ring import AuthRing, VaultRing
from grantkeeper_client import (
    SignatureParts,
    open_for_installation,
    parse_signature,
    seal_to_installation,
    sign,
    verify,
)
from tests.unit.client.examples import MESSAGE

AUTH = AuthRing.new("r1")
VAULT = VaultRing.new("r1")


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def test_rings_come_back_from_their_files(tmp_path: Path) -> None:
    assert AuthRing.from_file(written(tmp_path / "a", AUTH.to_json())) == AUTH
    assert VaultRing.from_file(written(tmp_path / "v", VAULT.to_json())) == VAULT


def test_a_key_is_the_same_for_the_same_ring_principal_and_version_and_for_no_other() -> None:
    keys = {
        AUTH.principal_key("mail-1", 1).secret,
        AUTH.principal_key("mail-1", 2).secret,
        AUTH.principal_key("mail-11", 1).secret,
        AUTH.service_key("mail-1").secret,
        AuthRing.new("r1").principal_key("mail-1", 1).secret,
        VAULT.principal_sealing_key("mail-1", 1),
        VAULT.principal_sealing_key("mail-1", 2),
        VAULT.at_rest_key("r1"),
    }
    assert len(keys) == 8
    assert AuthRing("r1", dict(AUTH.entries)).principal_key("mail-1", 1) == AUTH.principal_key("mail-1", 1)


def test_derivation_is_pinned_since_every_credential_depends_on_it() -> None:
    """HKDF-SHA256 of 32 zero bytes, computed by RFC 5869's two steps of HMAC: a change would lock everybody out."""
    expected = "743c8520d2a2004186f23af870d1a823c4339e2078ebead2532e5ab0425e80d8"
    assert AuthRing("r1", {"r1": bytes(32)}).principal_key("mail-1", 1).secret.hex() == expected


def test_a_signature_leads_to_the_key_that_made_it() -> None:
    for key in (AUTH.principal_key("mail-1", 4), AUTH.service_key("refresher")):
        signed = sign(MESSAGE, key)
        found = AUTH.key_for(parse_signature(signed.signature or ""))
        assert found == key
        assert verify(signed, found)


def test_a_signature_of_an_unknown_ring_leads_to_no_key() -> None:
    assert AUTH.key_for(SignatureParts("mail-1", 1, "r9", bytes(32))) is None


def test_a_new_entry_changes_nothing_until_it_is_used() -> None:
    added = AUTH.with_entry("r2")
    assert added.principal_key("mail-1", 1) == AUTH.principal_key("mail-1", 1)
    used = added.with_current("r2")
    assert used.principal_key("mail-1", 1) != AUTH.principal_key("mail-1", 1)
    assert used.principal_key("mail-1", 1, "r1") == AUTH.principal_key("mail-1", 1)


def test_what_an_old_vault_entry_made_still_opens_after_a_rotation() -> None:
    sealed = seal_to_installation(VAULT.installation_public_jwk(), "s", use="client_secret", bound={"a": "b"})
    used = VAULT.with_entry("r2").with_current("r2")
    assert used.installation_public_jwk()["kid"] == "r2"
    assert open_for_installation(used.installation_private_jwks(), sealed, use="client_secret", bound={"a": "b"}) == "s"
    assert used.principal_sealing_key("mail-1", 1, "r1") == VAULT.principal_sealing_key("mail-1", 1)
    assert used.at_rest_key("r1") == VAULT.at_rest_key("r1")


def test_a_fingerprint_is_the_same_in_any_rotation_and_tells_nothing() -> None:
    used = VAULT.with_entry("r2").with_current("r2")
    assert used.fingerprint("refresh-1") == VAULT.fingerprint("refresh-1")
    assert used.fingerprint("refresh-1") != VAULT.fingerprint("refresh-2")
    assert VaultRing.new("r1").fingerprint("refresh-1") != VAULT.fingerprint("refresh-1")


def test_the_public_key_holds_no_private_part() -> None:
    assert set(VAULT.installation_public_jwk()) == {"kty", "crv", "x", "y", "kid"}


@pytest.mark.parametrize("ring", [AUTH, VAULT])
def test_an_entry_that_is_not_there_is_named(ring: AuthRing | VaultRing) -> None:
    with pytest.raises(RingError, match="r9"):
        ring.with_current("r9")
    with pytest.raises(RingError, match="r1"):
        ring.with_entry("r1")
    with pytest.raises(RingError, match="r9"):
        AUTH.principal_key("mail-1", 1, "r9")
    with pytest.raises(RingError, match="r9"):
        VAULT.principal_sealing_key("mail-1", 1, "r9")
    assert VAULT.at_rest_key("r9") is None


def auth_with(**fields: Any) -> str:
    return json.dumps(json.loads(AUTH.to_json()) | fields)


def vault_with(**fields: Any) -> str:
    return json.dumps(json.loads(VAULT.to_json()) | fields)


ENTRY = json.loads(VAULT.to_json())["entries"]["r1"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        VAULT.to_json(),
        auth_with(format="grantkeeper.auth_ring.v2"),
        auth_with(current="r9"),
        auth_with(entries={}),
        auth_with(entries=[]),
        auth_with(entries={"R 1": {"secret": "x"}}),
        auth_with(entries={"r1": {}}),
        auth_with(entries={"r1": {"secret": "short"}}),
        auth_with(entries={"r1": {"secret": 7}}),
    ],
)
def test_a_damaged_auth_ring_is_refused_in_one_line_that_names_it(tmp_path: Path, text: str) -> None:
    refused(AuthRing, written(tmp_path / "auth.ring.json", text))


@pytest.mark.parametrize(
    "text",
    [
        AUTH.to_json(),
        vault_with(fingerprint_key="short"),
        vault_with(entries={"r1": {**ENTRY, "installation_key": {}}}),
        vault_with(entries={"r1": {**ENTRY, "installation_key": VAULT.installation_public_jwk()}}),
        vault_with(entries={"r1": {**ENTRY, "installation_key": {**ENTRY["installation_key"], "kid": "r2"}}}),
        vault_with(entries={"r1": {"secret": ENTRY["secret"]}}),
    ],
)
def test_a_damaged_vault_ring_is_refused_in_one_line_that_names_it(tmp_path: Path, text: str) -> None:
    refused(VaultRing, written(tmp_path / "vault.ring.json", text))


def refused(ring: type[AuthRing | VaultRing], path: Path) -> None:
    with pytest.raises(RingError) as caught:
        ring.from_file(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    for secret in (ENTRY["secret"], ENTRY["installation_key"]["d"]):
        assert secret not in message


def test_a_ring_that_others_can_open_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "auth.ring.json", AUTH.to_json())
    path.chmod(0o644)
    with pytest.raises(RingError, match="chmod 600"):
        AuthRing.from_file(path)


def test_rings_do_not_show_their_keys() -> None:
    shown = repr(AUTH) + repr(VAULT)
    for secret in (AUTH.entries["r1"], VAULT.entries["r1"], VAULT.fingerprint_key):
        assert repr(secret) not in shown
    assert ENTRY["installation_key"]["d"] not in shown


def test_any_number_of_signers_costs_bounded_memory() -> None:
    """Whoever can write to a topic can name any signer."""
    ring = AuthRing.new("r1")
    for number in range(5000):
        ring.key_for(SignatureParts(f"p{number}", 1, "r1", bytes(32)))
    assert len(ring._derived._kept) <= 4096
