"""Secrets on the bus: JWE compact (RFC 7516), one algorithm a purpose, each bound to what it is for.

The protected header carries `gk`, the binding: authenticated with the secret, readable without opening it. A secret
copied to another use, client, host or grant is refused after it proved intact.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quoted
from secrets import token_bytes
from typing import Any, ClassVar, Final, Literal

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry, decrypt_compact, encrypt_compact
from joserfc.jwk import ECKey, OctKey
from joserfc.registry import HeaderParameter

from ._exceptions import SealError

SealUse = Literal["client_secret", "authorization_code", "redirect_url", "refresh_token"]
PREFIX: Final = "sealed:"
_ENC: Final = "A256GCM"


def _check_binding(value: Any) -> None:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValueError("must be an object of strings")


class _Registry(JWERegistry):
    # A client id of 1000 characters and a host of 253 must fit, base64url-encoded, beside the ephemeral key.
    max_protected_header_length: ClassVar[int] = 4096  # type: ignore[misc]


_HEADERS: Final = {"gk": HeaderParameter("Grantkeeper's binding", _check_binding, required=True)}
# ECDH-ES anyone with the public key can make: senders are known by their signature. `dir` only the installation can.
_INSTALLATION: Final = _Registry(_HEADERS, algorithms=["ECDH-ES", _ENC])
_PRINCIPAL: Final = _Registry(_HEADERS, algorithms=["dir", _ENC])


def seal_to_installation(
    public_jwk: Mapping[str, Any], plaintext: str, *, use: SealUse, bound: Mapping[str, str]
) -> str:
    """Seal to the installation's public key (P-256 with `kid`); returns "sealed:" and the JWE.

    Bindings: client_secret {client_id, host}; authorization_code {state_hash: SHA-256 hex of the state};
    redirect_url and refresh_token {config_id}. `host` is host[:port] of the token endpoint, or of the issuer where
    the endpoint comes by discovery.
    """
    header = {"alg": "ECDH-ES", "enc": _ENC, "kid": public_jwk["kid"], "gk": {"use": use, **bound}}
    return PREFIX + encrypt_compact(header, plaintext, ECKey.import_key(dict(public_jwk)), registry=_INSTALLATION)


def sealed_binding(sealed: str) -> dict[str, str]:
    """Read what a sealed secret is for, without opening it: unproved until it is opened. Raises SealError."""
    return dict(_protected(sealed.removeprefix(PREFIX))["gk"])


def sealed_key_id(sealed: str) -> str:
    """Read to which key of which installation a secret is sealed, its ring id, without opening it. Raises SealError."""
    return str(_protected(sealed.removeprefix(PREFIX)).get("kid", ""))


def open_for_installation(
    private_jwks: Mapping[str, Mapping[str, Any]], sealed: str, *, use: SealUse, bound: Mapping[str, str]
) -> str:
    """Open with the key that the secret names; raises SealError."""
    if not sealed.startswith(PREFIX):
        raise SealError("secret_unreadable", "it is not sealed")
    compact = sealed.removeprefix(PREFIX)
    jwk = private_jwks.get(str(_protected(compact).get("kid")))
    if jwk is None:
        raise SealError("secret_unreadable", "it is sealed to a key that this installation does not have")
    return _open(compact, ECKey.import_key(dict(jwk)), _INSTALLATION, {"use": use, **bound})


def seal_for_principal(key: bytes, plaintext: str, *, bound: Mapping[str, str]) -> str:
    """Seal under one principal's 32 bytes; returns the JWE (`dir`, A256GCM).

    Written out by RFC 7516, section 5.1, since each answer to a `get` pays for it: a fifth of joserfc's time. Opening
    is joserfc's, so every test of the pair holds this against it.
    """
    binding = ",".join([f"{_quoted(name)}:{_quoted(value)}" for name, value in bound.items()])
    protected = _b64(f'{{"alg":"dir","enc":"{_ENC}","gk":{{{binding}}}}}'.encode())
    nonce = token_bytes(12)
    sealed = _cipher(key).encrypt(nonce, plaintext.encode(), protected)
    return b".".join((protected, b"", _b64(nonce), _b64(sealed[:-16]), _b64(sealed[-16:]))).decode()


def open_for_principal(key: bytes, sealed: str, *, bound: Mapping[str, str]) -> str:
    """Open what was sealed for this principal and bound to exactly this; raises SealError."""
    return _open(sealed, OctKey.import_key(key), _PRINCIPAL, bound)


@lru_cache(maxsize=64)
def _cipher(key: bytes) -> AESGCM:
    return AESGCM(key)


def _b64(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


def _protected(compact: str) -> dict[str, Any]:
    try:
        segment = compact[: min(compact.index("."), _Registry.max_protected_header_length)]
        header = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
        _check_binding(header["gk"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SealError("secret_unreadable", "it is no sealed secret of Grantkeeper's") from None
    return dict(header)


def _open(compact: str, key: ECKey | OctKey, registry: JWERegistry, bound: Mapping[str, str]) -> str:
    try:
        opened = decrypt_compact(compact, key, registry=registry)
        plaintext = (opened.plaintext or b"").decode()
    except (JoseError, ValueError, LookupError, AssertionError, TypeError, RecursionError):
        # `from None`: a cause may quote what it could not read.
        raise SealError("secret_unreadable", "it is damaged, or sealed with another key") from None
    if opened.protected["gk"] != dict(bound):
        raise SealError("secret_bound_elsewhere", "it was sealed for another use, client, host, config or question")
    return plaintext
