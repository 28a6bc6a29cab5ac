"""Where the browser comes back to, and what it brings (RFC 6749 sections 3.1.2 and 4.1.2, RFC 9207).

No two authorization servers share a redirect URI: a code stolen by a mix-up attack would be accepted at none
(RFC 9700 section 4.4.2.2).
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from grantkeeper.oauth2.parameters import AUTHORIZATION_CODE, REDIRECT_URL, STATE, block
from schemas.token_config import TokenConfig

CALLBACK: Final = "/oauth2/callback/"

_OPERATORS: Final = {
    "https://accounts.google.com": "google",
    "https://oauth2.googleapis.com": "google",
    "https://login.microsoftonline.com": "microsoft",
}
"""Origins of public providers: one operator, one redirect URI per template, whatever the tenant."""


def redirect_uri(config: TokenConfig, public_url: str) -> str:
    """Return the URI to register at the provider; a `RedirectURL` in the config wins."""
    own = config.extra.get(REDIRECT_URL)
    return own or public_url.rstrip("/") + CALLBACK + redirect_slug(config)


def redirect_slug(config: TokenConfig) -> str:
    """Return the last part of the redirect URI: the template, and 8 hex of the issuer where it is one's own."""
    slug = config.options.redirect_slug or slugify(config.template)
    origins = {_origin(url) for url in _addresses(config)}
    operators = {_OPERATORS.get(origin) for origin in origins}
    if len(operators) == 1 and None not in operators:
        return slug
    identity = config.options.issuer or " ".join(sorted(origins))
    return f"{slug}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"


def slugify(name: str) -> str:
    """Return a template's name in small letters, digits and hyphens: `Google Mail` is `google-mail`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:71] or "template"


def _addresses(config: TokenConfig) -> list[str]:
    types: Final = ("AuthorizationCode", "TokenByAuthorizationCode", "TokenByRefreshToken")
    urls = [config.requests[kind].url for kind in types if kind in config.requests]
    return [url for url in (config.options.issuer, *urls) if url]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


@dataclass(frozen=True, slots=True)
class RedirectAnswer:
    """What the authorization server sent through the browser; nothing in it is trusted yet."""

    state: str | None
    code: SecretStr | None = None
    iss: str | None = None
    error: str | None = None
    error_description: str | None = None
    error_subtype: str | None = None


class MalformedRedirect(Exception):
    """The address holds no answer of an authorization server: copy the whole address from the browser."""


def read_redirect(address: str, config: TokenConfig | None = None) -> RedirectAnswer:
    """Read a query string, a path with a query, or a whole pasted URL; raises MalformedRedirect.

    Names that the config's `AuthorizationCode.Response` maps are read beside those of the RFC. A parameter that
    stands twice makes the answer malformed (RFC 6749 section 3.1).
    """
    given: dict[str, str] = {}
    for name, value in _fields(address):
        if name in given and name in _names(config):
            raise MalformedRedirect(f"the answer names `{name}` twice: start the login again")
        given[name] = value
    code = _first(given, config, AUTHORIZATION_CODE, "code")
    answer = RedirectAnswer(
        state=_first(given, config, STATE, "state"),
        code=SecretStr(code) if code else None,
        iss=given.get("iss"),
        error=given.get("error") or None,
        error_description=given.get("error_description"),
        error_subtype=given.get("error_subtype"),
    )
    if answer.code is None and answer.error is None:
        raise MalformedRedirect(MalformedRedirect.__doc__)
    return answer


def _fields(address: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(_query(address), keep_blank_values=True, max_num_fields=50)
    except ValueError:  # a host that is none, or more fields than any provider sends
        raise MalformedRedirect("this is no address of an answer: copy the whole address of the last page") from None


def _query(address: str) -> str:
    address = address.strip()
    if "?" not in address and "#" not in address:
        return address
    parts = urlsplit(address)
    return parts.query or parts.fragment


def _names(config: TokenConfig | None) -> set[str]:
    return {"code", "state", "iss", "error", *_mapping(config)}


def _mapping(config: TokenConfig | None) -> Mapping[str, str]:
    return block(config, "AuthorizationCode").response if config is not None else {}


def _first(given: Mapping[str, str], config: TokenConfig | None, target: str, standard: str) -> str | None:
    names = [name for name, mapped in _mapping(config).items() if mapped == target]
    return next((given[name] for name in (*names, standard) if given.get(name)), None)
