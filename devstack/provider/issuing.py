"""Issuing tokens: the one place where an access or refresh token comes into being, and the answer that carries it."""

from dataclasses import dataclass
from math import ceil
from typing import Any

from devstack.provider.provider import Provider
from devstack.provider.records import AccessToken, Grant, Pair, RefreshToken, digest
from devstack.provider.settings import Flavour
from devstack.provider.token_text import access_token_text, refresh_token_text

# Seconds that a used-up refresh token is still known, so that its reuse is seen as reuse; a dead access token less.
REMEMBER_USED = 3600.0
REMEMBER_DEAD = 60.0


@dataclass(frozen=True, slots=True)
class Twist:
    """What a fault changes in issuing itself, not only in the answer's words."""

    same_access_token: bool = False  # Yandex: the one still living, again
    scope: str | None = None  # a user who unticked a box: the token is really worth less
    no_rotation: bool = False  # a server that rotates only now and then: an answer without refresh token


NO_TWIST = Twist()


def issue_access_token(
    provider: Provider, realm: str, client_id: str, scope: tuple[str, ...], grant: Grant | None
) -> tuple[str, AccessToken]:
    settings, now = provider.realms[realm], provider.clock()
    text = access_token_text(settings.flavour, settings.access_token_length)
    record = AccessToken(
        id=digest(text),
        realm=realm,
        client_id=client_id,
        login=None if grant is None else grant.login,
        scope=scope,
        issued_at=now,
        expires_at=now + settings.access_token_life,
        forget_at=now + settings.access_token_life + REMEMBER_DEAD,
        grant_id=None if grant is None else grant.id,
    )
    provider.store.put(record)
    return text, record


def issue_refresh_token(
    provider: Provider, grant: Grant, predecessor: RefreshToken | None = None
) -> tuple[str, RefreshToken]:
    settings, now = provider.realms[grant.realm], provider.clock()
    text = refresh_token_text(settings.flavour)
    record = RefreshToken(digest(text), grant.id, now, None)
    if predecessor is not None and not settings.refresh_token_life_slides:
        _live_until(record, predecessor.expires_at)
    else:
        _live_until(record, None if settings.refresh_token_life is None else now + settings.refresh_token_life)
    provider.store.put(record)
    return text, record


def prolong(provider: Provider, grant: Grant, kept: RefreshToken) -> None:
    """A refresh token that stays in use lives on from its last use, where the realm's rule says so."""
    settings = provider.realms[grant.realm]
    if settings.refresh_token_life is not None and settings.refresh_token_life_slides:
        _live_until(kept, provider.clock() + settings.refresh_token_life)
        provider.store.put(kept)


def mark_used(provider: Provider, grant: Grant, used: RefreshToken, answered: Pair) -> None:
    """`used` was replaced by `answered`; what that means from now on is `rotation.judge`'s to say."""
    now = provider.clock()
    used.used_at, used.answered = now, answered
    used.forget_at = now + provider.realms[grant.realm].grace + REMEMBER_USED
    provider.store.put(used)


def token_answer(
    provider: Provider, access: AccessToken, pair: Pair, refresh_token: RefreshToken | None = None
) -> dict[str, Any]:
    """The JSON of RFC 6749 section 5.1."""
    settings, now = provider.realms[access.realm], provider.clock()
    body: dict[str, Any] = {
        "token_type": "Bearer",
        "access_token": pair.access_token,
        "expires_in": max(0, ceil(access.expires_at - now)),
        "scope": " ".join(access.scope),
    }
    if settings.flavour is Flavour.MICROSOFT:
        body["ext_expires_in"] = body["expires_in"]
    if pair.refresh_token is not None:
        body["refresh_token"] = pair.refresh_token
    if settings.announce_refresh_life and refresh_token is not None and refresh_token.expires_at is not None:
        body["refresh_token_expires_in"] = max(0, ceil(refresh_token.expires_at - now))
    return body


def _live_until(refresh_token: RefreshToken, end: float | None) -> None:
    refresh_token.expires_at = end
    refresh_token.forget_at = None if end is None else end + REMEMBER_USED
