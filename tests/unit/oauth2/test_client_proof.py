"""What proves a client, and that a private key never leaves: in no flow, by no method, with no request."""

import json
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from typing import Final, get_args
from urllib.parse import unquote_plus

import pytest
from joserfc.jwk import ECKey
from pydantic import SecretStr

from grantkeeper.oauth2.client_auth import Client, UnusableKey
from grantkeeper.oauth2.client_proof import proven_client
from grantkeeper.oauth2.device import device_request, poll_request
from grantkeeper.oauth2.revocation import revocation_request
from grantkeeper.oauth2.token_request import (
    TokenRequest,
    client_credentials_request,
    code_request,
    jwt_bearer_request,
    refresh_request,
)
from schemas.token_config import AuthFlow, ClientAuthentication, Options, RequestBlock, RequestType, TokenConfig

URL: Final = "https://idp.example.test/token"
NOW: Final = datetime(2030, 1, 1, tzinfo=UTC)
PEM: Final = ECKey.generate_key("P-256", private=True).as_pem(private=True).decode()
KEY_FILE: Final = json.dumps({"client_email": "app", "private_key_id": "k1", "private_key": PEM})
TOKEN: Final = SecretStr("t-1")


def _minted(config: TokenConfig, client: Client) -> TokenRequest:
    return jwt_bearer_request(config, endpoint=URL, assertion=client.assertion or SecretStr(""))


REQUESTS: Final[dict[str, Callable[[TokenConfig, Client], TokenRequest]]] = {
    "code": lambda config, client: code_request(config, client, endpoint=URL, code=TOKEN, redirect_uri="r"),
    "refresh": lambda config, client: refresh_request(config, client, endpoint=URL, refresh_token=TOKEN),
    "client credentials": lambda config, client: client_credentials_request(config, client, endpoint=URL),
    "jwt bearer": _minted,
    "device": lambda config, client: device_request(config, client, endpoint=URL),
    "poll": lambda _, client: poll_request(client, endpoint=URL, device_code=TOKEN),
    "revoke": lambda _, client: revocation_request(client, endpoint=URL, token=TOKEN, hint="refresh_token"),
}


def config(flow: AuthFlow, method: ClientAuthentication) -> TokenConfig:
    """Return one whose mappings ask for the secret wherever they can."""
    block = RequestBlock(autofill={"client_secret": "ClientSecret", "key": "ClientSecret"})
    return TokenConfig(
        name="x",
        template="t",
        auth_flow=flow,
        client_id="app",
        requests=dict.fromkeys(get_args(RequestType), block),
        options=Options(client_authentication=method),
    )


def sent(request: TokenRequest) -> str:
    """Return all that leaves, with its encodings undone."""
    values = [value.get_secret_value() for value in request.headers.values()]
    decoded = [b64decode(value.removeprefix("Basic ")).decode() for value in values]
    return unquote_plus(" ".join([request.body().decode(), *values, *decoded]))


CASES: Final = list(product(get_args(AuthFlow), get_args(ClientAuthentication), REQUESTS, (PEM, KEY_FILE)))


@pytest.mark.parametrize(("flow", "method", "kind", "key"), CASES)
def test_a_private_key_is_never_sent(flow: AuthFlow, method: ClientAuthentication, kind: str, key: str) -> None:
    """It signs, or it is refused with what to do: nothing else can become of it."""
    given = config(flow, method)
    try:
        client = proven_client(given, SecretStr(key), audience=URL, assertion_id="j", now=NOW)
    except UnusableKey:
        return
    leaves = sent(REQUESTS[kind](given, client))
    assert "PRIVATE KEY" not in leaves
    assert not any(line in leaves for line in PEM.splitlines())


@pytest.mark.parametrize("method", ["post", "basic"])
def test_a_key_where_a_secret_is_sent_is_refused_with_the_cure(method: ClientAuthentication) -> None:
    given = config("AuthorizationCode", method)
    with pytest.raises(UnusableKey, match="never sent: choose private_key_jwt"):
        proven_client(given, SecretStr(PEM), audience=URL, assertion_id="j", now=NOW)


@pytest.mark.parametrize("method", get_args(ClientAuthentication))
def test_a_service_account_proves_itself_by_its_statement_alone(method: ClientAuthentication) -> None:
    client = proven_client(config("JWTBearer", method), SecretStr(KEY_FILE), audience=URL, assertion_id="j", now=NOW)
    assert client.assertion is not None
    revoking = revocation_request(client, endpoint=URL, token=TOKEN, hint="access_token")
    assert (set(revoking.form), revoking.headers) == ({"client_id", "token", "token_type_hint"}, {})
