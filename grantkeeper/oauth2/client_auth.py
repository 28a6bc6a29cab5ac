"""How a client proves who it is at the token endpoint (RFC 6749 section 2.3, RFC 7523 section 2.2).

A request carries the proof in one place only: two methods in one request are forbidden by RFC 6749 section 2.3. A
private key proves by what it signs and is never part of a request, whatever the config says.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote_plus, unquote_plus

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from pydantic import SecretStr

from schemas.token_config import ClientAuthentication, RsaAlgorithm

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFETIME: Final = timedelta(minutes=5)
"""Long enough for a slow call and a skewed clock; Microsoft recommends 5 to 10 minutes."""


class UnusableKey(Exception):
    """The client secret is no private key in PEM form: paste the whole file, BEGIN and END lines included."""


_KEY_SENT = "the client secret is a private key, which is never sent: choose private_key_jwt, or type a secret"


@dataclass(frozen=True, slots=True)
class Client:
    """An OAuth client as one request needs it; all that stands here may be sent. Raises UnusableKey for a key."""

    client_id: str
    secret: SecretStr | None = None
    authentication: ClientAuthentication = "post"
    assertion: SecretStr | None = None

    def __post_init__(self) -> None:
        """Refuse a private key as secret, in PEM or inside a key file: no request can be made with it."""
        if self.secret is not None and "PRIVATE KEY-----" in self.secret.get_secret_value():
            raise UnusableKey(_KEY_SENT)


def form_fields(client: Client) -> dict[str, str]:
    """Return what the method adds to the form."""
    if client.authentication == "basic":
        return {}
    fields = {"client_id": client.client_id}
    if client.authentication == "post" and client.secret is not None:
        fields["client_secret"] = client.secret.get_secret_value()
    if client.authentication == "private_key_jwt" and client.assertion is not None:
        fields["client_assertion_type"] = ASSERTION_TYPE
        fields["client_assertion"] = client.assertion.get_secret_value()
    return fields


def headers(client: Client) -> dict[str, SecretStr]:
    """Return what the method adds to the headers: id and secret are form-urlencoded first (RFC 6749 2.3.1)."""
    if client.authentication != "basic":
        return {}
    secret = client.secret.get_secret_value() if client.secret is not None else ""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(secret)}"
    return {"Authorization": SecretStr("Basic " + base64.b64encode(pair.encode("ascii")).decode("ascii"))}


def secrets_in(sent: Mapping[str, SecretStr]) -> list[str]:
    """Return what of such headers no text may repeat: the secret is in them in a form that hides it from a search."""
    header = sent.get("Authorization")
    if header is None:
        return []
    pair = header.get_secret_value().removeprefix("Basic ")
    secret = base64.b64decode(pair).decode("ascii").partition(":")[2]
    return [pair, unquote_plus(secret)]


def signing_client(
    client_id: str,
    key_text: SecretStr,
    *,
    audience: str,
    assertion_id: str,
    now: datetime,
    rsa_algorithm: RsaAlgorithm | None = None,
) -> Client:
    """Return the client of `private_key_jwt` for one request, with its assertion signed.

    `audience` is the token endpoint, which Microsoft and Google ask for; `assertion_id` must never repeat. A
    certificate beside the key is named by its SHA-256 thumbprint, as Microsoft wants it, which takes no algorithm but
    PS256 with that; other servers should take RS256 (OpenID Connect Core 1.0 section 9). Raises UnusableKey.
    """
    text = key_text.get_secret_value()
    key = private_key(text)
    issued = int(now.timestamp())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": assertion_id,
        "iat": issued,
        "nbf": issued,
        "exp": issued + int(ASSERTION_LIFETIME.total_seconds()),
    }
    named = _thumbprint(text)
    by = algorithm(key, rsa_algorithm or ("PS256" if named else "RS256"))
    header = {"alg": by, "typ": "JWT", **named}
    signed = jwt.encode(header, claims, key, algorithms=[by])
    return Client(client_id, authentication="private_key_jwt", assertion=SecretStr(signed))


Key = RSAKey | ECKey | OKPKey
_KEY_BLOCK = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)
_CERTIFICATE_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def private_key(text: str) -> Key:
    """Read the private key of a PEM text, which may hold a certificate too; raises UnusableKey."""
    block = _KEY_BLOCK.search(text)
    if block is None:
        raise UnusableKey(UnusableKey.__doc__)
    for kind in (RSAKey, ECKey, OKPKey):
        try:
            return kind.import_key(block[0])
        except (JoseError, ValueError, TypeError):
            continue
    raise UnusableKey(UnusableKey.__doc__) from None


def algorithm(key: Key, rsa: RsaAlgorithm = "RS256") -> str:
    """Return what a key signs assertions with: by its kind, an RSA key with `rsa`."""
    if isinstance(key, RSAKey):
        return rsa
    if isinstance(key, OKPKey):
        return "EdDSA"
    return {"P-384": "ES384", "P-521": "ES512"}.get(key.curve_name, "ES256")


def _thumbprint(text: str) -> dict[str, str]:
    block = _CERTIFICATE_BLOCK.search(text)
    if block is None:
        return {}
    try:
        certificate = load_pem_x509_certificate(block[0].encode())
    except ValueError:
        raise UnusableKey(UnusableKey.__doc__) from None
    digest = certificate.fingerprint(SHA256())
    return {"x5t#S256": base64.urlsafe_b64encode(digest).rstrip(b"=").decode()}
