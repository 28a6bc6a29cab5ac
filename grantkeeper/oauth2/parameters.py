"""What a request carries: fixed parameters, then autofilled ones, resolved in Znuny's order.

An autofilled parameter wins over a fixed one of its name. A source is looked for in the config first, then among the
values of this very request; what resolves to nothing is left out (RFC 6749 section 3.1: a parameter without a value
counts as omitted). `State` is the one source that a config can never set.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from schemas.token_config import AuthFlow, RequestBlock, RequestType, TokenConfig

STATE: Final = "State"
REDIRECT_URL: Final = "RedirectURL"
AUTHORIZATION_CODE: Final = "AuthorizationCode"
REFRESH_TOKEN: Final = "RefreshToken"
ACCESS_TOKEN: Final = "Token"
CLIENT_ID: Final = "ClientID"
CLIENT_SECRET: Final = "ClientSecret"

SECRET_SOURCES: Final = frozenset({CLIENT_SECRET, REFRESH_TOKEN, ACCESS_TOKEN, AUTHORIZATION_CODE})
"""Never part of an authorization URL, which stands in browsers' histories."""

REQUEST_SOURCES: Final = frozenset({STATE, REDIRECT_URL, AUTHORIZATION_CODE, REFRESH_TOKEN, ACCESS_TOKEN})
"""Known only while a request is made."""

RESPONSE: Final = MappingProxyType(
    {
        "access_token": "Token",
        "error": "ErrorMessage",
        "error_codes": "ErrorCode",
        "error_description": "ErrorDescription",
        "expires_in": "TokenExpirationDate",
        "refresh_token": "RefreshToken",
        "refresh_token_expires_in": "RefreshTokenExpirationDate",
    }
)
_CLIENT: Final = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
_ANSWER: Final = dict(RESPONSE)

STANDARD: Final[Mapping[RequestType, RequestBlock]] = MappingProxyType(
    {
        "AuthorizationCode": RequestBlock(
            parameters={"response_type": "code"},
            autofill={"client_id": CLIENT_ID, "redirect_uri": REDIRECT_URL, "scope": "Scope", "state": STATE},
            response={"code": AUTHORIZATION_CODE, "state": STATE},
        ),
        "TokenByAuthorizationCode": RequestBlock(
            parameters={"grant_type": "authorization_code"},
            autofill={**_CLIENT, "code": AUTHORIZATION_CODE, "redirect_uri": REDIRECT_URL},
            response=_ANSWER,
        ),
        "TokenByRefreshToken": RequestBlock(
            parameters={"grant_type": "refresh_token"},
            autofill={**_CLIENT, "refresh_token": REFRESH_TOKEN},
            response=_ANSWER,
        ),
        "TokenByJWTBearer": RequestBlock(
            parameters={"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"},
            autofill={"scope": "Scope"},
            response=_ANSWER,
        ),
        "TokenByClientCredentials": RequestBlock(
            parameters={"grant_type": "client_credentials"},
            autofill={**_CLIENT, "scope": "Scope"},
            response=_ANSWER,
        ),
    }
)
"""What the RFC asks for; used where a config has no block of its own (it needs discovery for the endpoint then)."""


def flow_of(requests: Collection[str]) -> AuthFlow:
    """Tell the flow of a record that names none, by the types of its requests."""
    alone: dict[frozenset[str], AuthFlow] = {
        frozenset({"TokenByClientCredentials"}): "ClientCredentials",
        frozenset({"TokenByJWTBearer"}): "JWTBearer",
    }
    return alone.get(frozenset(requests), "AuthorizationCode")


def block(config: TokenConfig, request_type: RequestType) -> RequestBlock:
    """Return the config's block of this type, or the standard one."""
    return config.requests.get(request_type, STANDARD[request_type])


def assemble(config: TokenConfig, request: RequestBlock, given: Mapping[str, str]) -> dict[str, str]:
    """Resolve the parameters of one request; `given` holds this request's own values by source key."""
    sources = _sources(config, given)
    parameters = {name: value for name, value in request.parameters.items() if name not in request.autofill}
    for name, source in request.autofill.items():
        parameters[name] = sources.get(source, "")
    return {name: value for name, value in parameters.items() if value}


def _sources(config: TokenConfig, given: Mapping[str, str]) -> dict[str, str]:
    # Given first, config over it: Znuny's order, but for the state, which proves that the login was ours.
    known = {"Scope": config.scope, "TemplateName": config.template, "AuthFlow": config.auth_flow}
    known |= {CLIENT_ID: given.get(CLIENT_ID) or config.client_id}
    sources = {**given, **config.extra, **{key: value for key, value in known.items() if value}}
    if STATE in given:
        sources[STATE] = given[STATE]
    return sources
