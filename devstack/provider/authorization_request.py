"""The checks of an authorization request, pure: what is wrong with it, and whether the redirect URI may be told.

Nothing is ever sent to a redirect URI that is not the client's (RFC 6749 section 4.1.2.1, RFC 9700 section 4.11.2).
"""

import re
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from devstack.provider.settings import ClientSettings, Offline, RealmSettings

CHALLENGE = re.compile(r"^[A-Za-z0-9_-]{43}$")  # base64url of a sha256
LOOPBACK = ("127.0.0.1", "localhost")


class NotForRedirect(Exception):
    """Shown to the person in front of the page; no redirect happens."""


class ForRedirect(Exception):
    """Sent back to the client: an error code of RFC 6749 section 4.1.2.1."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    client_id: str
    redirect_uri: str
    state: str | None
    scope: tuple[str, ...]
    challenge: str | None
    nonce: str | None
    wants_offline: bool
    prompt: frozenset[str]
    login_hint: str


def redirect_target(parameters: dict[str, str], client: ClientSettings | None) -> str:
    """The redirect URI, proven to be the client's; NotForRedirect otherwise."""
    if client is None:
        raise NotForRedirect("This client is not known here.")
    redirect_uri = parameters.get("redirect_uri", "")
    known = redirect_uri in client.redirect_uris if client.redirect_uris else _is_loopback(redirect_uri)
    if not known:
        raise NotForRedirect("The redirect URI of this request is not registered for the client.")
    return redirect_uri


def check(parameters: dict[str, str], client: ClientSettings, settings: RealmSettings) -> AuthorizationRequest:
    """The request, if all is well; ForRedirect otherwise."""
    if "authorization_code" not in client.grant_types:
        raise ForRedirect("unauthorized_client", "this client may not ask for a code")
    if parameters.get("response_type") != "code":
        raise ForRedirect("unsupported_response_type", "only response_type=code is supported")
    if parameters.get("response_mode", "query") != "query":
        raise ForRedirect("invalid_request", "only response_mode=query is supported")
    prompt = frozenset(parameters.get("prompt", "").split())
    if "none" in prompt:
        raise ForRedirect("login_required", "nobody is logged in")
    scope = tuple(dict.fromkeys(parameters.get("scope", "").split()))
    _check_scope(scope, settings)
    return AuthorizationRequest(
        client_id=client.client_id,
        redirect_uri=parameters["redirect_uri"],
        state=parameters.get("state"),
        scope=scope,
        challenge=_challenge(parameters, required=settings.pkce_required or client.public),
        nonce=parameters.get("nonce"),
        wants_offline=_wants_offline(parameters, scope, settings.offline),
        prompt=prompt,
        login_hint=parameters.get("login_hint", ""),
    )


def with_answer(redirect_uri: str, answer: dict[str, str | None]) -> str:
    """The redirect URI with the answer's parameters added to its own query."""
    query = urlencode({name: value for name, value in answer.items() if value is not None})
    return f"{redirect_uri}{'&' if urlsplit(redirect_uri).query else '?'}{query}"


def _check_scope(scope: tuple[str, ...], settings: RealmSettings) -> None:
    if settings.scopes is not None and not set(scope) <= {*settings.scopes, "offline_access"}:
        raise ForRedirect("invalid_scope", "a scope of this request is not known here")


def _challenge(parameters: dict[str, str], *, required: bool) -> str | None:
    challenge = parameters.get("code_challenge")
    if challenge is None:
        if required:
            raise ForRedirect("invalid_request", "code_challenge is missing (PKCE, RFC 7636)")
        return None
    if parameters.get("code_challenge_method") != "S256" or not CHALLENGE.match(challenge):
        raise ForRedirect("invalid_request", "code_challenge must be of the method S256")
    return challenge


def _wants_offline(parameters: dict[str, str], scope: tuple[str, ...], offline: Offline) -> bool:
    if offline is Offline.ACCESS_TYPE:
        return parameters.get("access_type") == "offline"
    return "offline_access" in scope


def _is_loopback(redirect_uri: str) -> bool:
    try:
        parts = urlsplit(redirect_uri)
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and parts.hostname in LOOPBACK
        and parts.username is None
        and not parts.fragment
        and redirect_uri.isprintable()
    )
