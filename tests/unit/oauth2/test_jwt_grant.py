"""Statements by which a service account acts for a mailbox (RFC 7523 section 2.1)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from pydantic import SecretStr

from grantkeeper.oauth2.client_auth import UnusableKey
from grantkeeper.oauth2.jwt_grant import GRANT_TYPE, LIFETIME, Statement, signed
from grantkeeper.oauth2.token_request import jwt_bearer_request
from schemas.token_config import RequestBlock, TokenConfig

NOW: Final = datetime(2030, 1, 1, 8, tzinfo=UTC)
ACCOUNT: Final = "robot@project.iam.gserviceaccount.com"
URL: Final = "https://oauth2.googleapis.com/token"
STATEMENT: Final = Statement(ACCOUNT, "support@example.com", "https://mail.google.com/", URL)
RSA: Final = RSAKey.generate_key(2048, private=True)
EC: Final = ECKey.generate_key("P-256", private=True)


def pem(key: RSAKey | ECKey) -> str:
    return key.as_pem(private=True).decode()


def key_file(**changed: Any) -> SecretStr:
    content = {
        "type": "service_account",
        "private_key_id": "key-1",
        "private_key": pem(RSA),
        "client_email": ACCOUNT,
        "token_uri": URL,
        **changed,
    }
    return SecretStr(json.dumps({name: value for name, value in content.items() if value is not None}))


def sign(secret: SecretStr, statement: Statement = STATEMENT) -> jwt.Token:
    text = signed(statement, secret, assertion_id="id-1", now=NOW).get_secret_value()
    return jwt.decode(text, _either, algorithms=["RS256", "ES256"])


def _either(obj: Any) -> RSAKey | ECKey:
    return EC if obj.headers()["alg"] == "ES256" else RSA


def test_googles_key_file_signs_what_google_asks_for() -> None:
    token = sign(key_file())
    assert token.header == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
    issued = int(NOW.timestamp())
    assert token.claims == {
        "iss": ACCOUNT,
        "sub": "support@example.com",
        "scope": "https://mail.google.com/",
        "aud": URL,
        "iat": issued,
        "exp": issued + int(LIFETIME / timedelta(seconds=1)),
        "jti": "id-1",
    }


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS256"), (EC, "ES256")])
def test_a_key_in_pem_signs_too(key: RSAKey | ECKey, algorithm: str) -> None:
    token = sign(SecretStr(f"Bag Attributes\n{pem(key)}"))
    assert (token.header["alg"], "kid" in token.header) == (algorithm, False)


def test_what_is_not_said_is_not_claimed() -> None:
    token = sign(key_file(), Statement(ACCOUNT, None, None, URL))
    assert {"sub", "scope"}.isdisjoint(token.claims)


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        (SecretStr(""), "BEGIN and END"),
        (SecretStr("no key"), "BEGIN and END"),
        (SecretStr("{broken"), "no JSON"),
        (SecretStr("{}"), "private_key"),
        (key_file(private_key="no key"), "BEGIN and END"),
        (key_file(client_email="other@project.iam.gserviceaccount.com"), "belongs to other@"),
    ],
)
def test_a_key_that_cannot_sign_is_told_with_its_cure(secret: SecretStr, why: str) -> None:
    with pytest.raises(UnusableKey, match=why) as caught:
        signed(STATEMENT, secret, assertion_id="id-1", now=NOW)
    assert "PRIVATE KEY" not in str(caught.value)


@pytest.mark.parametrize("block", [None, RequestBlock(url=URL, parameters={"grant_type": GRANT_TYPE})])
def test_the_request_carries_the_statement_and_neither_id_nor_secret(block: RequestBlock | None) -> None:
    requests = {} if block is None else {"TokenByJWTBearer": block}
    config = TokenConfig.model_validate(
        {
            "name": "S",
            "template": "T",
            "client_id": ACCOUNT,
            "scope": "mail",
            "auth_flow": "JWTBearer",
            "requests": requests,
        }
    )
    request = jwt_bearer_request(config, endpoint=URL, assertion=SecretStr("a.b.c"))
    form = {name: value.get_secret_value() for name, value in request.form.items()}
    scope = {"scope": "mail"} if block is None else {}
    assert form == {"grant_type": GRANT_TYPE, "assertion": "a.b.c", **scope}
    assert (request.headers, "a.b.c" in request.secrets()) == ({}, True)
