"""The exact forms that are posted, per grant type and client authentication."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from pydantic import SecretStr

from grantkeeper.oauth2.client_auth import ASSERTION_TYPE, Client, UnusableKey, signing_client
from grantkeeper.oauth2.token_request import (
    TokenRequest,
    client_credentials_request,
    code_request,
    refresh_request,
)
from schemas.token_config import Options, RequestBlock, RsaAlgorithm, TokenConfig

ENDPOINT = "https://idp.example.test/token"
NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
CLIENT = Client("app id", SecretStr("s3cret&more"))
CONFIG = TokenConfig(name="x", template="t", client_id="app id", scope="mail offline", options=Options(pkce=True))


def plain(request: TokenRequest) -> dict[str, str]:
    return {name: value.get_secret_value() for name, value in request.form.items()}


def test_a_code_is_exchanged_with_redirect_uri_and_verifier() -> None:
    request = code_request(
        CONFIG,
        CLIENT,
        endpoint=ENDPOINT,
        code=SecretStr("c-1"),
        redirect_uri="https://g.test/cb",
        code_verifier=SecretStr("v" * 43),
    )
    assert request.url == ENDPOINT
    assert request.headers == {}
    assert request.body() == (
        b"client_id=app+id&client_secret=s3cret%26more&code=c-1&code_verifier=" + b"v" * 43 + b""
        b"&grant_type=authorization_code&redirect_uri=https%3A%2F%2Fg.test%2Fcb"
    )


def test_without_pkce_no_verifier_is_sent() -> None:
    config = CONFIG.model_copy(update={"options": Options(pkce=False)})
    request = code_request(
        config, CLIENT, endpoint=ENDPOINT, code=SecretStr("c"), redirect_uri="r", code_verifier=SecretStr("v" * 43)
    )
    assert "code_verifier" not in request.form


def test_a_refresh_sends_the_refresh_token_and_the_mapped_scope() -> None:
    block = RequestBlock(
        parameters={"grant_type": "refresh_token", "resource": "https://mail.test"},
        autofill={
            "client_id": "ClientID",
            "client_secret": "ClientSecret",
            "refresh_token": "RefreshToken",
            "scope": "Scope",
        },
    )
    config = CONFIG.model_copy(update={"requests": {"TokenByRefreshToken": block}})
    request = refresh_request(config, CLIENT, endpoint=ENDPOINT, refresh_token=SecretStr("r-1"))
    assert request.body() == (
        b"client_id=app+id&client_secret=s3cret%26more&grant_type=refresh_token&refresh_token=r-1"
        b"&resource=https%3A%2F%2Fmail.test&scope=mail+offline"
    )


def test_a_refresh_uses_the_client_of_the_grant_not_of_the_config() -> None:
    request = refresh_request(CONFIG, Client("old app"), endpoint=ENDPOINT, refresh_token=SecretStr("r"))
    assert plain(request) == {"client_id": "old app", "grant_type": "refresh_token", "refresh_token": "r"}


def test_client_credentials_ask_for_the_scope() -> None:
    request = client_credentials_request(CONFIG, CLIENT, endpoint=ENDPOINT)
    assert request.body() == (
        b"client_id=app+id&client_secret=s3cret%26more&grant_type=client_credentials&scope=mail+offline"
    )


def test_basic_puts_the_encoded_pair_in_the_header_only() -> None:
    client = Client("app id", SecretStr("s3cret&ü"), "basic")
    request = client_credentials_request(CONFIG, client, endpoint=ENDPOINT)
    header = request.headers["Authorization"].get_secret_value()
    assert base64.b64decode(header.removeprefix("Basic ")) == b"app+id:s3cret%26%C3%BC"
    assert plain(request) == {"grant_type": "client_credentials", "scope": "mail offline"}


def test_a_public_client_sends_its_id_alone() -> None:
    client = Client("app", SecretStr("left over"), "none")
    request = client_credentials_request(CONFIG, client, endpoint=ENDPOINT)
    assert plain(request) == {"client_id": "app", "grant_type": "client_credentials", "scope": "mail offline"}


def test_a_mapping_may_rename_id_and_secret() -> None:
    block = RequestBlock(autofill={"appid": "ClientID", "appsecret": "ClientSecret"})
    config = CONFIG.model_copy(update={"requests": {"TokenByClientCredentials": block}})
    request = client_credentials_request(config, CLIENT, endpoint=ENDPOINT)
    assert plain(request) == {"appid": "app id", "appsecret": "s3cret&more", "grant_type": "client_credentials"}


def test_a_fixed_secret_is_not_sent_beside_basic_authentication() -> None:
    block = RequestBlock(
        parameters={"client_secret": "fixed"}, autofill={"client_id": "ClientID", "client_secret": "ClientSecret"}
    )
    config = CONFIG.model_copy(update={"requests": {"TokenByClientCredentials": block}})
    request = client_credentials_request(config, Client("a", SecretStr("s"), "basic"), endpoint=ENDPOINT)
    assert plain(request) == {"grant_type": "client_credentials"}


def test_no_secret_stands_in_the_repr() -> None:
    request = refresh_request(CONFIG, CLIENT, endpoint=ENDPOINT, refresh_token=SecretStr("planted-refresh"))
    assert "planted-refresh" not in repr(request)
    assert "s3cret" not in repr(request)
    basic = client_credentials_request(CONFIG, Client("a", SecretStr("s3cret"), "basic"), endpoint=ENDPOINT)
    assert "Basic YTp" not in repr(basic)
    assert {"planted-refresh", "s3cret&more"} <= set(request.secrets())
    assert "refresh_token" not in request.secrets()


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> SecretStr:
    return SecretStr(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def test_private_key_jwt_signs_an_assertion_for_the_endpoint() -> None:
    key = pem(rsa.generate_private_key(65537, 2048))
    client = signing_client("app", key, audience=ENDPOINT, assertion_id="jti-1", now=NOW)
    form = plain(client_credentials_request(CONFIG, client, endpoint=ENDPOINT))
    assert form["client_assertion_type"] == ASSERTION_TYPE
    assert "client_secret" not in form
    token = jwt.decode(form["client_assertion"], RSAKey.import_key(key.get_secret_value()), algorithms=["RS256"])
    assert token.claims == {
        "iss": "app",
        "sub": "app",
        "aud": ENDPOINT,
        "jti": "jti-1",
        "iat": 1795507200,
        "nbf": 1795507200,
        "exp": 1795507500,
    }


def test_an_elliptic_key_signs_with_its_own_algorithm() -> None:
    key = pem(ec.generate_private_key(ec.SECP256R1()))
    client = signing_client("app", key, audience=ENDPOINT, assertion_id="j", now=NOW)
    assert client.assertion is not None
    jwt.decode(client.assertion.get_secret_value(), ECKey.import_key(key.get_secret_value()), algorithms=["ES256"])


@pytest.mark.parametrize("secret", ["", "no key", "-----BEGIN PRIVATE KEY-----\nxx\n-----END PRIVATE KEY-----"])
def test_a_secret_that_is_no_key_is_named_with_the_cure(secret: str) -> None:
    with pytest.raises(UnusableKey, match="BEGIN and END"):
        signing_client("app", SecretStr(secret), audience=ENDPOINT, assertion_id="j", now=NOW)


def certificate_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "app")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, SHA256())
    )


def signed_header(secret: SecretStr, rsa_algorithm: RsaAlgorithm | None = None) -> dict[str, str]:
    client = signing_client("app", secret, audience=ENDPOINT, assertion_id="j", now=NOW, rsa_algorithm=rsa_algorithm)
    assert client.assertion is not None
    header: dict[str, str] = json.loads(
        base64.urlsafe_b64decode(client.assertion.get_secret_value().split(".")[0] + "==")
    )
    return header


def test_an_rsa_key_signs_as_microsoft_wants_it_beside_a_certificate_else_as_every_server_takes_it_or_as_told() -> None:
    key = rsa.generate_private_key(65537, 2048)
    alone = pem(key)
    both = SecretStr(certificate_of(key).public_bytes(Encoding.PEM).decode() + alone.get_secret_value())
    assert (signed_header(both)["alg"], signed_header(alone)["alg"]) == ("PS256", "RS256")
    assert (signed_header(both, "RS256")["alg"], signed_header(alone, "PS256")["alg"]) == ("RS256", "PS256")


def test_a_certificate_beside_the_key_is_named_by_its_thumbprint() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = certificate_of(key)
    both = SecretStr(certificate.public_bytes(Encoding.PEM).decode() + pem(key).get_secret_value())
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    assert signed_header(both, "PS256") == {
        "alg": "ES256",
        "typ": "JWT",
        "x5t#S256": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
    }
