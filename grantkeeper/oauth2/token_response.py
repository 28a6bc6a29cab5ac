"""A successful answer of the token endpoint, read leniently where providers differ (RFC 6749 section 5.1).

The config's mapping is looked at first, the RFC's names next, so that a rotated refresh token is kept even where the
mapping forgets it. A lifetime that makes no sense counts as not given. What is no bearer token is refused.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from pydantic import SecretStr

from grantkeeper.oauth2.parameters import ACCESS_TOKEN, REFRESH_TOKEN

LIFETIME_MAX: Final = 31_536_000
"""Seconds of a year: longer is believed for a year only, so that a mistaken unit does not make a token immortal."""

GRANT_LIFE_MAX: Final = 100 * LIFETIME_MAX
"""Refresh tokens and grants live for years (QuickBooks ends them after 5), and who is told a nearer end logs in for
nothing. What lasts longer than a hundred years is a mistaken unit, or another word for "never"."""

_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
"""RFC 6749 appendix A.12: visible characters only. Others would break out of SASL and HTTP headers."""

_SCOPE_MAX: Final = 4000
_OIDC_SCOPES: Final = frozenset({"openid", "email", "profile", "address", "phone", "offline_access"})
"""Ask for an id token or a refresh token, not for access; Google returns them under other names."""


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """Tokens as they came; all lifetimes in seconds from the answer."""

    access_token: SecretStr
    expires_in: int
    refresh_token: SecretStr | None = None
    refresh_token_expires_in: int | None = None
    """When it ends unless used before; None = not said."""
    authorization_expires_in: int | None = None
    """When the whole grant ends, used or not; None = not said."""
    scope: str | None = None
    """None = as requested (RFC 6749 section 5.1)."""
    refresh_in: int | None = None
    """When the provider wants the next refresh (Microsoft, for long-lived access tokens)."""
    id_token: SecretStr | None = None


class UnusableResponse(Exception):
    """A 2xx answer without a usable access token; `refresh_token` must not be lost for it."""

    def __init__(self, code: str, refresh_token: SecretStr | None) -> None:
        """`code` is a row of the error table: no_access_token or unsupported_token_type."""
        super().__init__(code)
        self.code = code
        self.refresh_token = refresh_token


def parse(payload: Mapping[str, Any], response: Mapping[str, str], *, default_expires_in: int) -> TokenResponse:
    """Read the JSON object of a 2xx answer; raises UnusableResponse."""
    refresh_token = _token(payload, response, REFRESH_TOKEN, "refresh_token")
    access_token = _token(payload, response, ACCESS_TOKEN, "access_token")
    if access_token is None:
        raise UnusableResponse("no_access_token", refresh_token)
    kind = payload.get("token_type")
    if kind is not None and (not isinstance(kind, str) or kind.strip().lower() != "bearer"):
        raise UnusableResponse("unsupported_token_type", refresh_token)
    given = lifetime(_found(payload, response, "TokenExpirationDate", "expires_in"))
    return TokenResponse(
        access_token=access_token,
        expires_in=given if given is not None else default_expires_in,
        refresh_token=refresh_token,
        refresh_token_expires_in=_first_lifetime(payload, response),
        authorization_expires_in=_lifetime_of(payload, "authorization_expires_in", "x_refresh_token_hard_expires_in"),
        scope=_scope(payload.get("scope")),
        refresh_in=lifetime(payload.get("refresh_in")),
        id_token=_token(payload, {}, "", "id_token"),
    )


def lifetime(value: Any) -> int | None:
    """Read the life of an access token: at most a year; None where it is missing, absurd, zero or negative."""
    seconds = _seconds(value)
    return None if seconds is None else min(seconds, LIFETIME_MAX)


def _grant_life(value: Any) -> int | None:
    """Read the life of a refresh token or a grant, never a shorter one than was said."""
    seconds = _seconds(value)
    return None if seconds is None or seconds > GRANT_LIFE_MAX else seconds


def _seconds(value: Any) -> int | None:
    """Read a number or a numeric string."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(seconds) or seconds < 1:
        return None
    return int(seconds)


def missing_scopes(asked: str | None, granted: str | None) -> list[str]:
    """Return what was asked for and not granted; a server that names no scope granted what was asked."""
    if not asked or granted is None:
        return []
    known = set(granted.replace(",", " ").split())
    return [scope for scope in asked.replace(",", " ").split() if scope not in known | _OIDC_SCOPES]


# Google and others; Keycloak (0 = never); the OAuth working group's draft; QuickBooks.
_REFRESH_LIFETIMES: Final = (
    "refresh_token_expires_in",
    "refresh_expires_in",
    "refresh_token_timeout",
    "x_refresh_token_expires_in",
)


def _first_lifetime(payload: Mapping[str, Any], response: Mapping[str, str]) -> int | None:
    mapped = [name for name, target in response.items() if target == "RefreshTokenExpirationDate"]
    return _lifetime_of(payload, *mapped, *_REFRESH_LIFETIMES)


def _lifetime_of(payload: Mapping[str, Any], *names: str) -> int | None:
    return next((seconds for name in names if (seconds := _grant_life(payload.get(name))) is not None), None)


def _found(payload: Mapping[str, Any], response: Mapping[str, str], target: str, standard: str) -> Any:
    names = [name for name, mapped in response.items() if mapped == target]
    return next((payload[name] for name in (*names, standard) if payload.get(name) is not None), None)


def _token(payload: Mapping[str, Any], response: Mapping[str, str], target: str, standard: str) -> SecretStr | None:
    names = [name for name, mapped in response.items() if mapped == target]
    values = (payload.get(name) for name in (*names, standard))
    return next((SecretStr(value) for value in values if _is_token(value)), None)


def _is_token(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def _scope(value: Any) -> str | None:
    """Take what can be written and shown; some providers give a list."""
    given = value if isinstance(value, list) else [value]
    words = (word for text in given if isinstance(text, str) for word in text.split() if word.isprintable())
    return " ".join(words)[:_SCOPE_MAX] or None
