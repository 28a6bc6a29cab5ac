from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from joserfc.jwe import encrypt_compact
from joserfc.jwk import ECKey, OctKey

from grantkeeper_client import (
    SealError,
    open_for_installation,
    open_for_principal,
    seal_for_principal,
    seal_to_installation,
    sealed_binding,
)

SECRET = "planted-client-secret"
PRIVATE = ECKey.generate_key("P-256", {"kid": "r1"}, auto_kid=False).as_dict(private=True)
PUBLIC = {name: value for name, value in PRIVATE.items() if name != "d"}
KEYS = {"r1": PRIVATE}
CLIENT = {"client_id": "app-1", "host": "login.example.com:8443"}
SEALING_KEY = bytes(range(32))
GRANT = {
    "config_id": "0199f7a0-0000-7000-8000-000000000001",
    "generation": "4",
    "expires_at": "2026-11-24T09:00:00.000Z",
    "correlation_id": "c-1",
}


def sealed(bound: dict[str, str] = CLIENT) -> str:
    return seal_to_installation(PUBLIC, SECRET, use="client_secret", bound=bound)


def test_the_installation_opens_what_was_sealed_to_it() -> None:
    assert open_for_installation(KEYS, sealed(), use="client_secret", bound=CLIENT) == SECRET


def test_the_principal_opens_what_was_sealed_for_it() -> None:
    assert open_for_principal(SEALING_KEY, seal_for_principal(SEALING_KEY, SECRET, bound=GRANT), bound=GRANT) == SECRET


def test_what_a_secret_is_bound_to_can_be_read_without_a_key() -> None:
    assert sealed_binding(sealed()) == {"use": "client_secret", **CLIENT}


def test_a_sealed_secret_shows_nothing_and_never_looks_the_same_twice() -> None:
    assert SECRET not in sealed()
    assert sealed() != sealed()


@pytest.mark.parametrize(
    "bound",
    [
        {**CLIENT, "client_id": "app-2"},
        {**CLIENT, "host": "login.example.com"},
        {"client_id": "app-1"},
        {**CLIENT, "more": "x"},
    ],
)
def test_a_secret_sealed_for_another_client_or_host_is_refused(bound: dict[str, str]) -> None:
    with pytest.raises(SealError) as caught:
        open_for_installation(KEYS, sealed(), use="client_secret", bound=bound)
    assert caught.value.reason == "secret_bound_elsewhere"


def test_a_secret_sealed_for_another_use_is_refused() -> None:
    with pytest.raises(SealError) as caught:
        open_for_installation(KEYS, sealed(), use="refresh_token", bound=CLIENT)
    assert caught.value.reason == "secret_bound_elsewhere"


@pytest.mark.parametrize("name", GRANT)
def test_an_access_token_moved_to_another_answer_is_refused(name: str) -> None:
    """A recorded reply must not pass for the answer to another question, or for another generation."""
    moved = {**GRANT, name: "other"}
    with pytest.raises(SealError) as caught:
        open_for_principal(SEALING_KEY, seal_for_principal(SEALING_KEY, SECRET, bound=GRANT), bound=moved)
    assert caught.value.reason == "secret_bound_elsewhere"


def test_a_binding_that_was_rewritten_makes_the_secret_unreadable() -> None:
    prefix, _, compact = sealed().partition(":")
    header, *rest = compact.split(".")
    padded = header + "=" * (-len(header) % 4)
    rewritten = urlsafe_b64encode(urlsafe_b64decode(padded).replace(b"app-1", b"app-2")).decode().rstrip("=")
    with pytest.raises(SealError) as caught:
        open_for_installation(
            KEYS,
            f"{prefix}:{'.'.join([rewritten, *rest])}",
            use="client_secret",
            bound={**CLIENT, "client_id": "app-2"},
        )
    assert caught.value.reason == "secret_unreadable"


def test_another_installation_cannot_read_it() -> None:
    other = ECKey.generate_key("P-256", {"kid": "r1"}, auto_kid=False).as_dict(private=True)
    for keys in ({}, {"r9": PRIVATE}, {"r1": other}):
        with pytest.raises(SealError) as caught:
            open_for_installation(keys, sealed(), use="client_secret", bound=CLIENT)
        assert caught.value.reason == "secret_unreadable"


def test_another_principal_cannot_read_it() -> None:
    with pytest.raises(SealError) as caught:
        open_for_principal(bytes(32), seal_for_principal(SEALING_KEY, SECRET, bound=GRANT), bound=GRANT)
    assert caught.value.reason == "secret_unreadable"


@pytest.mark.parametrize("place", range(5))
def test_a_changed_byte_in_any_part_is_noticed(place: int) -> None:
    with pytest.raises(SealError, match="secret_unreadable"):
        open_for_principal(
            SEALING_KEY, changed(seal_for_principal(SEALING_KEY, SECRET, bound=GRANT), place), bound=GRANT
        )
    damaged = "sealed:" + changed(sealed().removeprefix("sealed:"), place)
    with pytest.raises(SealError, match="secret_unreadable"):
        open_for_installation(KEYS, damaged, use="client_secret", bound=CLIENT)


def changed(compact: str, place: int) -> str:
    parts = compact.split(".")
    parts[place] = ("B" if parts[place][:1] == "A" else "A") + parts[place][1:]
    return ".".join(parts)


@pytest.mark.parametrize(
    "text", ["", "sealed:", SECRET, f"sealed:{SECRET}", "sealed:a.b.c.d.e", "sealed:e30.a.b.c.d", "sealed:é.é.é.é.é"]
)
def test_what_is_not_sealed_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(SealError) as caught:
        open_for_installation(KEYS, text, use="client_secret", bound=CLIENT)
    assert caught.value.reason == "secret_unreadable"
    assert SECRET not in str(caught.value)
    with pytest.raises(SealError):
        sealed_binding(text)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "dir", "enc": "A128GCM", "gk": GRANT},
        {"alg": "A256KW", "enc": "A256GCM", "gk": GRANT},
        {"alg": "dir", "enc": "A256GCM", "zip": "DEF", "gk": GRANT},
        {"alg": "dir", "enc": "A256GCM"},
    ],
)
def test_only_the_one_algorithm_of_its_purpose_is_opened(header: dict[str, object]) -> None:
    from joserfc.jwe import JWERegistry

    anything = JWERegistry(strict_check_header=False, algorithms=["dir", "A256KW", "A128GCM", "A256GCM", "DEF"])
    key = SEALING_KEY[:16] if header["enc"] == "A128GCM" else SEALING_KEY
    forged = encrypt_compact(header, SECRET, OctKey.import_key(key), registry=anything)
    with pytest.raises(SealError) as caught:
        open_for_principal(SEALING_KEY, forged, bound=GRANT)
    assert caught.value.reason == "secret_unreadable"


def test_a_long_client_id_and_host_still_fit() -> None:
    bound = {"client_id": "c" * 1000, "host": "h" * 253 + ":65535"}
    assert open_for_installation(KEYS, sealed(bound), use="client_secret", bound=bound) == SECRET
