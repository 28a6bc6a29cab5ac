import pytest
from pydantic import SecretStr

from grantkeeper.crypto.at_rest import AtRest, key_id
from grantkeeper.crypto.errors import DecryptionError
from grantkeeper.crypto.ring import VaultRing

SECRET = "planted-refresh-token"
RING = VaultRing.new("r1")
AT_REST = AtRest(RING)
PLACE = {"collection": "grants", "document": "id-1", "field": "refresh_token"}


def test_what_was_encrypted_in_a_place_opens_in_that_place() -> None:
    value = AT_REST.encrypt(SecretStr(SECRET), **PLACE)
    assert value.startswith("enc:v1:r1:")
    assert SECRET not in value
    opened = AT_REST.decrypt(value, **PLACE)
    assert opened.get_secret_value() == SECRET
    assert SECRET not in repr(opened)


def test_equal_secrets_do_not_look_equal() -> None:
    assert AT_REST.encrypt(SECRET, **PLACE) != AT_REST.encrypt(SECRET, **PLACE)


@pytest.mark.parametrize("name", PLACE)
def test_a_value_moved_to_another_place_does_not_open(name: str) -> None:
    value = AT_REST.encrypt(SECRET, **PLACE)
    with pytest.raises(DecryptionError, match="moved") as caught:
        AT_REST.decrypt(value, **(PLACE | {name: "other"}))
    assert value not in str(caught.value)


def test_two_places_never_become_one() -> None:
    value = AT_REST.encrypt(SECRET, collection="a", document='b", "c', field="d")
    with pytest.raises(DecryptionError):
        AT_REST.decrypt(value, collection="a", document="b", field='c", "d')


@pytest.mark.parametrize("place", [-1, -20, 15])
def test_a_changed_character_is_noticed(place: int) -> None:
    value = AT_REST.encrypt(SECRET, **PLACE)
    changed = list(value)
    changed[place] = "A" if changed[place] != "A" else "B"
    if place == -1:
        changed = list(value[:-4])  # the last character may hold spare bits: cut instead
    with pytest.raises(DecryptionError):
        AT_REST.decrypt("".join(changed), **PLACE)


def test_another_installation_cannot_read_it() -> None:
    with pytest.raises(DecryptionError):
        AtRest(VaultRing.new("r1")).decrypt(AT_REST.encrypt(SECRET, **PLACE), **PLACE)


def test_a_key_that_the_ring_does_not_hold_is_named() -> None:
    with pytest.raises(DecryptionError, match="no key r1"):
        AtRest(VaultRing.new("r2")).decrypt(AT_REST.encrypt(SECRET, **PLACE), **PLACE)


def test_old_values_open_after_a_rotation_and_new_ones_name_the_new_key() -> None:
    old = AT_REST.encrypt(SECRET, **PLACE)
    rotated = AtRest(RING.with_entry("r2").with_current("r2"))
    assert rotated.decrypt(old, **PLACE).get_secret_value() == SECRET
    assert key_id(old) == "r1"
    assert key_id(rotated.encrypt(SECRET, **PLACE)) == rotated.current_kid == "r2"


@pytest.mark.parametrize("value", ["", SECRET, "enc:v1:", "enc:v1:r1", "enc:v2:r1:AAAA", "enc:v1:r1:", "enc:v1:r1:é"])
def test_what_is_not_encrypted_is_refused_without_quoting_it(value: str) -> None:
    with pytest.raises(DecryptionError) as caught:
        AT_REST.decrypt(value, **PLACE)
    assert SECRET not in str(caught.value)
