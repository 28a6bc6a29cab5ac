"""What a token config must have to work, and what experience with providers says about it.

Errors keep a record from being stored: it would send requests nowhere, or a secret to the wrong place. Warnings name
what usually ends in a login that dies after an hour.
"""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, urlsplit

from grantkeeper.oauth2.addresses import possible_host
from grantkeeper.oauth2.discovery import host
from grantkeeper.oauth2.parameters import REQUEST_SOURCES
from grantkeeper.strict_yaml import Path
from schemas.token_config import RequestBlock, RequestType, TokenConfig
from services.config_service.notes import Notes
from services.config_service.provider_rules import check_provider
from services.config_service.znuny import CONFIG_KEYS, yaml_path

_ANSWER_TARGETS: Final = frozenset(
    {
        "Token",
        "TokenExpirationDate",
        "RefreshToken",
        "RefreshTokenExpirationDate",
        "ErrorMessage",
        "ErrorDescription",
        "ErrorCode",
    }
)
_REDIRECT_TARGETS: Final = frozenset({"AuthorizationCode", "State", "ErrorMessage", "ErrorDescription", "ErrorCode"})
_GRANT_TYPES: Final[dict[RequestType, str]] = {
    "TokenByAuthorizationCode": "authorization_code",
    "TokenByRefreshToken": "refresh_token",
    "TokenByClientCredentials": "client_credentials",
    "TokenByJWTBearer": "urn:ietf:params:oauth:grant-type:jwt-bearer",
}
_NEEDED: Final[dict[str, tuple[RequestType, ...]]] = {
    "AuthorizationCode": ("AuthorizationCode", "TokenByAuthorizationCode"),
    "ClientCredentials": ("TokenByClientCredentials",),
    "JWTBearer": ("TokenByJWTBearer",),
}
_SECRET_PARAMETERS: Final = frozenset(
    {"client_secret", "client_assertion", "refresh_token", "access_token", "password", "assertion"}
)
_SERVER: Final = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}")


def check(config: TokenConfig, notes: Notes) -> None:
    """Note everything that is wrong or doubtful about a config that is well-formed."""
    _check_client(config, notes)
    _check_addresses(config, notes)
    _check_flow(config, notes)
    _check_hosts(config, notes)
    for kind, block in config.requests.items():
        _check_parameters(kind, block, config, notes)
        _check_response(kind, block, notes)
    _check_extra(config, notes)
    _check_servers(config, notes)
    check_provider(config, notes)


def _check_client(config: TokenConfig, notes: Notes) -> None:
    if notes.template:
        return
    if config.client_id is None:
        message, cure = "The client id is missing: nobody can log in.", "Enter the one of the app registration."
        notes.warning("client_id_missing", yaml_path(("client_id",)), message, cure)
    if config.client_secret is None and config.options.client_authentication != "none":
        message = "The client secret is missing."
        cure = "Enter it; for a public client set `ClientAuthentication: none`."
        notes.warning("client_secret_missing", yaml_path(("client_secret",)), message, cure)


def _check_addresses(config: TokenConfig, notes: Notes) -> None:
    for path, url in _addresses(config):
        problem = address_problem(url)
        if problem is not None:
            notes.error("address", path, f"{problem}.", "Write a complete address: https://host/path.")
        elif url.startswith("http:"):
            message = "This address is not encrypted; it works only where the refresher's settings allow the host."
            notes.warning("address_not_encrypted", path, message, "Use https.")


def address_problem(url: str) -> str | None:
    """Say what is wrong with an address, None = nothing. It is not repeated: a password may stand in it."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises for a port that is no number
    except ValueError:
        return "This is no address"
    problems = {
        "An address starts with https://": parts.scheme not in {"https", "http"},
        "The address names no host": not parts.hostname,
        "The host of the address is impossible": not possible_host(parts.hostname or ""),
        "The address holds blanks or control characters": not url.isprintable() or " " in url,
        "The address has a fragment": bool(parts.fragment) or url.endswith("#"),
        "The address holds a user name or password": _has_user(parts),
    }
    return next((problem for problem, found in problems.items() if found), None)


def _has_user(parts: SplitResult) -> bool:
    return "@" in parts.netloc


def _addresses(config: TokenConfig) -> Iterator[tuple[Path, str]]:
    for kind, block in config.requests.items():
        if block.url is not None:
            yield yaml_path(("requests", kind, "url")), block.url
    options = config.options.model_dump()
    for field in ("issuer", "revocation_endpoint", "device_authorization_endpoint"):
        if options[field] is not None:
            yield yaml_path(("options", field)), options[field]


def _check_flow(config: TokenConfig, notes: Notes) -> None:
    if config.options.discovery:
        if config.options.issuer is None and not notes.template:
            message, cure = "Discovery needs the issuer.", "Write `Issuer: https://...` as the provider names it."
            notes.error("issuer_missing", yaml_path(("options", "issuer")), message, cure)
    else:
        _check_urls(config, notes)


def _check_hosts(config: TokenConfig, notes: Notes) -> None:
    """Hold together what takes the client secret or a refresh token: both are for one host, and never go to another."""
    options, kinds = config.options, (*_NEEDED[config.auth_flow], "TokenByRefreshToken")
    given: list[tuple[Path, str | None]] = [
        (("requests", kind, "url"), _url(config, kind)) for kind in kinds if kind != "AuthorizationCode"
    ]
    first = host(next((url for _, url in given if url), options.issuer) or "")
    given.append((("options", "revocation_endpoint"), options.revocation_endpoint))
    given.append((("options", "device_authorization_endpoint"), options.device_authorization_endpoint))
    for path, url in given:
        if first and url and host(url) != first:
            message = "The client secret and the refresh token are for one host; this address is on another."
            cure = f"Use an address on {first}{', or leave it to discovery' if options.discovery else ''}."
            notes.error("token_hosts_differ", yaml_path(path), message, cure)


def _check_urls(config: TokenConfig, notes: Notes) -> None:
    cure = "Write the address, or set Issuer and `Discovery: 1` in Grantkeeper."
    needed = _NEEDED[config.auth_flow]
    given = [kind for kind in ("TokenByRefreshToken",) if kind in config.requests]
    for kind in (*needed, *given):
        if _url(config, kind) is None and not notes.template:
            path = yaml_path(("requests", kind, "url"))
            notes.error("address_missing", path, f"The address for {kind} is missing.", cure)
    if config.auth_flow == "AuthorizationCode" and "TokenByRefreshToken" not in config.requests:
        message = "Without TokenByRefreshToken somebody must log in again whenever the access token ends."
        notes.warning(
            "no_refresh", ("Config", "Requests"), message, "Add it, unless the provider has no refresh tokens."
        )


def _url(config: TokenConfig, kind: str) -> str | None:
    return next((block.url for known, block in config.requests.items() if known == kind), None)


def _check_parameters(kind: RequestType, block: RequestBlock, config: TokenConfig, notes: Notes) -> None:
    here = ("requests", kind)
    for name in block.parameters.keys() & _SECRET_PARAMETERS:
        path = yaml_path((*here, "parameters", name))
        message, cure = "A secret stands here in the clear.", "Move it to ClientSecret, where it is sealed."
        notes.error("plain_secret", path, message, cure)
    grant_type = block.parameters.get("grant_type")
    if grant_type is not None and grant_type != _GRANT_TYPES.get(kind):
        message = "This grant type does not belong to this request."
        path = yaml_path((*here, "parameters", "grant_type"))
        notes.warning("grant_type", path, message, f"Usual is `{_GRANT_TYPES.get(kind, 'none')}`.")
    known = {*REQUEST_SOURCES, *CONFIG_KEYS.values(), *config.extra}
    for name, source in block.autofill.items():
        path = yaml_path((*here, "autofill", name))
        if source and source not in known:
            message = "Nothing has the name of this source; the parameter is left out."
            notes.warning("source_unknown", path, message, f"Add it under Config, or use one of {_listed(known)}.")
        if kind == "AuthorizationCode" and source in {"ClientSecret", "RefreshToken", "Token"}:
            message = "A secret would stand in the browser's address; it is left out."
            notes.warning("secret_in_address", path, message, "Delete this line.")


def _check_response(kind: RequestType, block: RequestBlock, notes: Notes) -> None:
    here = ("requests", kind, "response")
    targets = _REDIRECT_TARGETS if kind == "AuthorizationCode" else _ANSWER_TARGETS
    for name, target in block.response.items():
        if target not in targets:
            cure = f"Known are {_listed(targets)}."
            notes.warning("target_unknown", yaml_path((*here, name)), "This target is unknown here.", cure)
    if kind == "AuthorizationCode" or not block.response:
        return
    if block.response.get("expires") == "TokenExpirationDate" and "expires_in" not in block.response:
        message = "Providers name the lifetime `expires_in`; that name is read as well."
        notes.warning("expires_mapped", yaml_path((*here, "expires")), message, "Map `expires_in` instead.")
    if "Token" not in block.response.values():
        message = "No field of the answer is mapped to Token; `access_token` is read."
        notes.warning("token_not_mapped", yaml_path(here), message, "Add `access_token: Token`.")
    if "TokenExpirationDate" not in block.response.values():
        message = "No field of the answer is mapped to TokenExpirationDate; `expires_in` is read."
        notes.warning("lifetime_not_mapped", yaml_path(here), message, "Add `expires_in: TokenExpirationDate`.")


def _check_extra(config: TokenConfig, notes: Notes) -> None:
    for key in config.extra.keys() & (REQUEST_SOURCES - {"RedirectURL"}):
        message = "This name is reserved: its value is made for each request."
        notes.error("reserved_key", yaml_path(("extra", key)), message, "Choose another name.")
    pinned = config.extra.get("RedirectURL")
    if pinned is not None and address_problem(pinned) is not None:
        message = f"{address_problem(pinned)}."
        notes.error("address", yaml_path(("extra", "RedirectURL")), message, "Write a complete address.")


def _check_servers(config: TokenConfig, notes: Notes) -> None:
    for name, server in config.options.servers.model_dump().items():
        if server is not None and not _SERVER.fullmatch(server):
            path = yaml_path(("options", "servers", name))
            notes.error("server", path, "This is no server.", "Write host:port, e.g. imap.example.com:993.")


def _listed(words: frozenset[str] | set[str]) -> str:
    return ", ".join(sorted(words))
