"""The form of a token config: what it shows of a config, and what was typed into it.

A secret is held apart from all other values, so that nothing writes it back into a page. Fixed parameters are one
`name=value` a line.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from pydantic import SecretStr
from starlette.datastructures import FormData

from schemas.token_config import Options, Parameters, RequestType, TokenConfig

URLS: Final[Mapping[str, tuple[RequestType, ...]]] = {
    "AuthorizationCode": ("AuthorizationCode", "TokenByAuthorizationCode", "TokenByRefreshToken"),
    "ClientCredentials": ("TokenByClientCredentials",),
    "JWTBearer": ("TokenByJWTBearer",),
}
"""The requests that each flow has."""
ENDPOINTS: Final = ("revocation_endpoint", "device_authorization_endpoint")
"""Addresses among the options."""
CHECKS: Final = ("notify_expired_token", "notify_expired_refresh_token")
"""Fields that a browser leaves out where they are not ticked."""
_CARRIED: Final = 65_536
"""Characters of what a form may say about its own beginning."""


@dataclass(frozen=True, slots=True)
class TokenForm:
    """One filled-in form: plain values by field, and the secret apart from them."""

    values: Mapping[str, str]
    was: Mapping[str, str] = field(default_factory=dict)
    """What the fields showed before anybody typed: who saved meanwhile is told apart from what was typed by it."""
    secret: SecretStr = field(default=SecretStr(""), repr=False)
    sealed: str = ""
    """A secret that was typed and sealed in an earlier try."""

    @classmethod
    def read(cls, form: FormData) -> Self:
        """Take what a browser sent; line ends and outer blanks mean nothing."""
        typed = {
            name: value.replace("\r\n", "\n").strip() for name, value in form.multi_items() if isinstance(value, str)
        }
        was, secret = _values(typed.pop("was", "")), typed.pop("client_secret", "")
        return cls(typed, was, SecretStr(secret), typed.pop("client_secret_sealed", ""))

    @classmethod
    def of(cls, config: TokenConfig, *, name: str | None = None) -> Self:
        """Show a config."""
        values = {
            "name": config.name if name is None else name,
            "client_id": config.client_id or "",
            "scope": config.scope or "",
            "validity": config.validity,
            **_options(config.options, config.auth_flow),
            "notify_expired_token": "1" if config.notify_expired_token else "",
            "notify_expired_refresh_token": "1" if config.notify_expired_refresh_token else "",
            **{f"url.{kind}": url_of(config, kind) for kind in URLS[config.auth_flow]},
            **{f"parameters.{kind}": parameters_of(config, kind) for kind in URLS[config.auth_flow]},
        }
        return cls(values, values)

    def named(self, start: str) -> list[str]:
        """Return the fields of one kind, `url.` or `parameters.`."""
        return [name for name in self.values if name.startswith(start)]

    def get(self, name: str) -> str:
        """Return one value."""
        return self.values.get(name, "")

    @property
    def was_text(self) -> str:
        """Write `was` so that a form can carry it."""
        return json.dumps(dict(self.was), ensure_ascii=False)


def url_of(config: TokenConfig, kind: RequestType) -> str:
    """Return the address of one request; empty = found by discovery."""
    block = config.requests.get(kind)
    return (block.url if block else None) or ""


def parameters_of(config: TokenConfig, kind: RequestType) -> str:
    """Write the fixed parameters of one request, one a line."""
    block = config.requests.get(kind)
    return "\n".join(f"{name}={value}" for name, value in block.parameters.items()) if block else ""


def read_parameters(text: str) -> Parameters | None:
    """Read parameters; None where a line is no `name=value` or a name comes twice."""
    found: Parameters = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, value = line.partition("=")
        if not equals or not name.strip() or name.strip() in found:
            return None
        found[name.strip()] = value.strip()
    return found


def _options(options: Options, auth_flow: str) -> dict[str, str]:
    named = ("mailbox_login", "issuer", *ENDPOINTS) if auth_flow == "AuthorizationCode" else ("mailbox_login", "issuer")
    ends = options.client_secret_ends
    texts: dict[str, str] = {name: getattr(options, name) or "" for name in named}
    return {**texts, "client_secret_ends": ends.isoformat() if ends else ""}


def _values(text: str) -> dict[str, str]:
    try:
        found: Any = json.loads(text[:_CARRIED]) if text else {}
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
