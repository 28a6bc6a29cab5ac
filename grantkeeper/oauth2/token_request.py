"""The POST to the token endpoint for each grant type (RFC 6749 sections 4.1.3, 4.4.2 and 6).

A mapping in the config may add or rename; what the RFC requires is there even where the mapping forgets it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from pydantic import SecretStr

from grantkeeper.oauth2.client_auth import Client, form_fields, headers, secrets_in
from grantkeeper.oauth2.jwt_grant import GRANT_TYPE
from grantkeeper.oauth2.parameters import (
    AUTHORIZATION_CODE,
    CLIENT_ID,
    CLIENT_SECRET,
    REDIRECT_URL,
    REFRESH_TOKEN,
    RESPONSE,
    assemble,
    block,
)
from schemas.token_config import RequestType, TokenConfig

_PUBLIC: Final = frozenset({"grant_type", "scope", "client_id", "redirect_uri", "token_type_hint", "resource"})


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """One form to post; every value is hidden from logs, the names are not."""

    url: str
    form: Mapping[str, SecretStr]
    headers: Mapping[str, SecretStr] = field(default_factory=dict)
    response: Mapping[str, str] = field(default_factory=lambda: RESPONSE)
    """How to read the answer: its field -> target (`Response.ParametersMapping`)."""

    def body(self) -> bytes:
        """Encode as application/x-www-form-urlencoded."""
        return urlencode({name: value.get_secret_value() for name, value in self.form.items()}).encode("ascii")

    def secrets(self) -> list[str]:
        """Return the values that no error text may repeat, whatever the server sends back."""
        values = [value.get_secret_value() for name, value in self.form.items() if name not in _PUBLIC]
        return [*values, *secrets_in(self.headers)]


def code_request(
    config: TokenConfig,
    client: Client,
    *,
    endpoint: str,
    code: SecretStr,
    redirect_uri: str,
    code_verifier: SecretStr | None = None,
) -> TokenRequest:
    """Exchange an authorization code; `redirect_uri` is the one of the login, which many servers compare."""
    required = {
        "grant_type": "authorization_code",
        "code": code.get_secret_value(),
        "redirect_uri": redirect_uri,
    }
    if code_verifier is not None and config.options.pkce:
        required["code_verifier"] = code_verifier.get_secret_value()
    given = {AUTHORIZATION_CODE: code.get_secret_value(), REDIRECT_URL: redirect_uri}
    return _request(config, "TokenByAuthorizationCode", client, endpoint, required, given)


def refresh_request(config: TokenConfig, client: Client, *, endpoint: str, refresh_token: SecretStr) -> TokenRequest:
    """Ask for a new access token; `client` is the one that the grant was given to."""
    value = refresh_token.get_secret_value()
    required = {"grant_type": "refresh_token", "refresh_token": value}
    return _request(config, "TokenByRefreshToken", client, endpoint, required, {REFRESH_TOKEN: value})


def client_credentials_request(config: TokenConfig, client: Client, *, endpoint: str) -> TokenRequest:
    """Ask for an access token in the client's own name."""
    required = {"grant_type": "client_credentials"}
    return _request(config, "TokenByClientCredentials", client, endpoint, required, {})


def jwt_bearer_request(config: TokenConfig, *, endpoint: str, assertion: SecretStr) -> TokenRequest:
    """Ask by a signed statement (RFC 7523 section 2.1), which proves the client too: its id and secret stay out."""
    required = {"grant_type": GRANT_TYPE, "assertion": assertion.get_secret_value()}
    return _request(config, "TokenByJWTBearer", None, endpoint, required, {})


def _request(
    config: TokenConfig,
    request_type: RequestType,
    client: Client | None,
    endpoint: str,
    required: Mapping[str, str],
    given: Mapping[str, str],
) -> TokenRequest:
    request = block(config, request_type)
    # Id and secret come from the method of authentication alone, under the names that the mapping gives them.
    proven = {name for name, source in request.autofill.items() if source in {CLIENT_ID, CLIENT_SECRET}}
    own = request.model_copy(
        update={"parameters": _without(request.parameters, proven), "autofill": _without(request.autofill, proven)}
    )
    form = {**required, **assemble(config, own, given)}
    form |= {} if client is None else _renamed(form_fields(client), request.autofill)
    return TokenRequest(
        url=endpoint,
        form={name: SecretStr(value) for name, value in sorted(form.items())},
        headers={} if client is None else headers(client),
        response=request.response or RESPONSE,
    )


def _without(mapping: Mapping[str, str], names: set[str]) -> dict[str, str]:
    return {name: source for name, source in mapping.items() if name not in names}


def _renamed(fields: Mapping[str, str], autofill: Mapping[str, str]) -> dict[str, str]:
    names = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    found = {standard: name for name, source in autofill.items() for standard, key in names.items() if key == source}
    return {found.get(name, name): value for name, value in fields.items()}
