"""Endpoints from an issuer's own metadata (RFC 8414, OpenID Connect Discovery 1.0). Pure: the door fetches.

Metadata counts only when it names the issuer that was asked (RFC 8414 section 3.3); Microsoft's shared endpoints name
a template instead. An address in the config wins over a discovered one.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal
from urllib.parse import urlsplit, urlunsplit

from grantkeeper.oauth2.answer import HttpAnswer, NotJson, json_object
from schemas.token_config import AuthFlow, TokenConfig

IssuerCheck = Literal["exact", "template", "off"]
_SHARED_TENANTS: Final = frozenset({"{tenantid}", "common", "organizations", "consumers"})
_ADDRESS_MAX: Final = 2000


class DiscoveryFailed(Exception):
    """The metadata cannot be used; the message says why and what to change."""


class WrongIssuer(Exception):
    """The answer comes from another authorization server than the one asked: start the login again."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is used of an issuer's metadata."""

    issuer: str
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    revocation_endpoint: str | None = None
    device_authorization_endpoint: str | None = None
    authorization_response_iss_parameter_supported: bool = False


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the requests of one config go; None = not known (yet)."""

    authorization: str | None = None
    token_by_code: str | None = None
    token_by_refresh: str | None = None
    token_by_client_credentials: str | None = None
    token_by_jwt_bearer: str | None = None
    revocation: str | None = None
    device_authorization: str | None = None
    iss_required: bool = False
    """The issuer says that it names itself in every redirect (RFC 9207 section 3)."""

    def renewing(self, flow: AuthFlow) -> str | None:
        """Return where the config's next access token comes from."""
        by_flow = {"ClientCredentials": self.token_by_client_credentials, "JWTBearer": self.token_by_jwt_bearer}
        return by_flow.get(flow, self.token_by_refresh or self.token_by_code)


def metadata_urls(issuer: str) -> list[str]:
    """Return the addresses to ask, in order; the first good answer counts."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    paths = (
        f"{path}/.well-known/openid-configuration",
        f"/.well-known/oauth-authorization-server{path}",
        f"/.well-known/openid-configuration{path}",
    )
    return [urlunsplit((parts.scheme, parts.netloc, found, "", "")) for found in dict.fromkeys(paths)]


def parse_metadata(answer: HttpAnswer, issuer: str, check: IssuerCheck = "exact") -> Metadata:
    """Read an answer to one of `metadata_urls`; raises DiscoveryFailed."""
    if not answer.succeeded:
        raise DiscoveryFailed(f"the issuer's metadata came with HTTP status {answer.status}: check the issuer")
    try:
        payload = json_object(answer)
    except NotJson as error:
        raise DiscoveryFailed(f"the issuer's metadata: {error}") from None
    named = payload.get("issuer")
    if not isinstance(named, str) or not issuer_matches(named, issuer, check):
        raise DiscoveryFailed("the metadata names another issuer than the config: copy the issuer from the metadata")
    return Metadata(
        issuer=named,
        authorization_endpoint=_address(payload, named, "authorization_endpoint"),
        token_endpoint=_address(payload, named, "token_endpoint"),
        revocation_endpoint=_address(payload, named, "revocation_endpoint"),
        device_authorization_endpoint=_address(payload, named, "device_authorization_endpoint"),
        authorization_response_iss_parameter_supported=payload.get("authorization_response_iss_parameter_supported")
        is True,
    )


def issuer_matches(named: str, issuer: str, check: IssuerCheck = "exact") -> bool:
    """Compare as strings. `template`: one side's tenant may be `{tenantid}` or a shared name (Microsoft)."""
    if check == "off" or named == issuer:
        return True
    (one, one_rest), (other, other_rest) = _tenant(named), _tenant(issuer)
    return check == "template" and one_rest == other_rest and not _SHARED_TENANTS.isdisjoint({one, other})


def check_issuer(iss: str | None, config: TokenConfig, *, required: bool) -> None:
    """Check `iss` of a redirect (RFC 9207 section 2.4); raises WrongIssuer.

    `required`: the issuer advertises it. An `iss` that came unasked must be equal too (Google sends one).
    """
    issuer = config.options.issuer
    if iss is None and not required:
        return
    if iss is None:
        raise WrongIssuer("the authorization server did not name itself, though it says it does: start again")
    if issuer is not None and not issuer_matches(iss, issuer, config.options.issuer_check):
        raise WrongIssuer(WrongIssuer.__doc__)


def endpoints(config: TokenConfig, metadata: Metadata | None = None) -> Endpoints:
    """Join the config's addresses with discovered ones."""
    url = {kind: request.url for kind, request in config.requests.items()}
    token = metadata.token_endpoint if metadata else None
    return Endpoints(
        authorization=url.get("AuthorizationCode") or (metadata.authorization_endpoint if metadata else None),
        token_by_code=url.get("TokenByAuthorizationCode") or token,
        token_by_refresh=url.get("TokenByRefreshToken") or token,
        token_by_client_credentials=url.get("TokenByClientCredentials") or token,
        token_by_jwt_bearer=url.get("TokenByJWTBearer") or token,
        revocation=config.options.revocation_endpoint or (metadata.revocation_endpoint if metadata else None),
        device_authorization=config.options.device_authorization_endpoint
        or (metadata.device_authorization_endpoint if metadata else None),
        iss_required=metadata.authorization_response_iss_parameter_supported if metadata else False,
    )


@lru_cache(maxsize=1024)  # asked several times per call, always for the same few addresses
def host(url: str) -> str:
    """Return `host` or `host:port` of an address, in small letters and without the scheme's own port; "" if none."""
    try:
        parts = urlsplit(url)
        name, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return ""
    name = f"[{name}]" if ":" in name else name
    default = {"https": 443, "http": 80}.get(parts.scheme)
    return name if port is None or port == default else f"{name}:{port}"


def _tenant(issuer: str) -> tuple[str, str]:
    parts = urlsplit(issuer)
    tenant, _, rest = parts.path.lstrip("/").partition("/")
    return tenant, f"{parts.scheme}://{parts.netloc.lower()}/{rest}"


def _address(payload: dict[str, Any], issuer: str, name: str) -> str | None:
    value = payload.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > _ADDRESS_MAX or not _is_address(value, issuer):
        raise DiscoveryFailed(f"the metadata's {name} is no usable address: set it in the config")
    return value


def _is_address(value: str, issuer: str) -> bool:
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018  # raises for a port that is no number
    except ValueError:
        return False
    # An encrypted issuer has no plain endpoints; a plain one is on an operator's allow-list.
    schemes = {"https"} if issuer.startswith("https:") else {"https", "http"}
    return parts.scheme in schemes and bool(parts.hostname) and not parts.fragment and "@" not in parts.netloc
