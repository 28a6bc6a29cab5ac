"""Who logged in, read from an id token that came straight from the token endpoint.

Over that channel TLS vouches for the issuer, so the signature need not be checked (OpenID Connect Core 3.1.3.7, 6);
the token is used for nothing but naming the account. That it belongs to this login follows from PKCE and the state.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any, Final

from pydantic import SecretStr

_ACCOUNT_CLAIMS: Final = ("email", "preferred_username", "upn")
"""Google and most; Microsoft with scope `profile`; Microsoft v1."""
_NAME_MAX: Final = 320
"""Of a mail address (RFC 5321 section 4.5.3.1); a subject has at most 255 (OpenID Connect Core 2)."""


@dataclass(frozen=True, slots=True)
class GrantedAccount:
    """The account behind a grant: its mail address or login, and the issuer's own id for it."""

    login: str | None
    subject: str | None


class UnusableIdToken(Exception):
    """The id token is not for this client."""


def read_id_token(id_token: SecretStr, *, client_id: str) -> GrantedAccount:
    """Return the account; raises UnusableIdToken for another audience or what is no JWT."""
    claims = _claims(id_token.get_secret_value())
    audience = claims.get("aud")
    if client_id not in (audience if isinstance(audience, list) else [audience]):
        raise UnusableIdToken("the id token was issued to another client")
    login = next((claims[name] for name in _ACCOUNT_CLAIMS if _is_name(claims.get(name))), None)
    subject = claims.get("sub")
    return GrantedAccount(login, subject if _is_name(subject) else None)


def _is_name(value: Any) -> bool:
    """Pass over what nobody is called: it could not be written or shown."""
    return isinstance(value, str) and 0 < len(value) <= _NAME_MAX and value.isprintable()


def _claims(token: str) -> dict[str, Any]:
    try:
        _, payload, _ = token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        raise UnusableIdToken("the id token is no JWT") from None
    if not isinstance(claims, dict):
        raise UnusableIdToken("the id token is no JWT")
    return claims
