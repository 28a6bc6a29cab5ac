"""The client secrets that a client has: at most two, the newest first, so that a roll-over needs no moment.

The newest one is tried first. Once it has worked it is proven; the one before is kept, in case the newest is refused.
One that has ended at the provider is tried last from then on, even if it is the newest. Of what came before a new
one, what is proven stays, else what is newest. Keys that sign and secrets that are sent are counted apart: a client
may be moving from one to the other, and no private key may ever be sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from grantkeeper.oauth2.errors import Failure
from schemas.token_config import TokenConfig

AT_MOST: Final = 2
AGAIN_AFTER: Final = timedelta(minutes=1)
"""The same secret comes with every token config that is imported or edited; typed again later it is meant as a cure."""
OF_THE_SECRET: Final = frozenset(
    {
        *("invalid_client", "incorrect_client_credentials", "invalid_client_secret", "bad_client_secret"),
        *("INVALID_CLIENT_SECRET", "AADSTS7000215", "AADSTS7000222", "AADSTS70002"),
        *("AADSTS50012", "AADSTS50013", "AADSTS700027", "AADSTS700030", "AADSTS50048"),
    }
)
"""Codes of failures that another secret, or another certificate, may cure: RFC 6749 section 5.2, and what providers say
instead (provider_errors.yaml)."""


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """One secret, sealed to the installation."""

    sealed: str = field(repr=False)
    fingerprint: str
    config_id: str
    """The token config that it was entered in."""
    at: datetime
    is_key: bool = False
    """It signs, and is never sent."""
    proven: bool = False


def is_key(config: TokenConfig) -> bool:
    """Tell whether a config's client secret is a key that signs (RFC 7523)."""
    return config.auth_flow == "JWTBearer" or config.options.client_authentication == "private_key_jwt"


@dataclass(frozen=True, slots=True)
class Tried:
    """What a call has shown: which secret worked, and which one was refused in the same attempt, and why."""

    worked: ClientSecret
    refused: ClientSecret | None = None
    why: Failure | None = None


def is_news(known: Sequence[ClientSecret], offered: ClientSecret, refused: ClientSecret | None) -> bool:
    """Tell whether a secret that comes with a config is to be tried, or tried again."""
    same = [one for one in (*known, *([refused] if refused else ())) if one.fingerprint == offered.fingerprint]
    return all(one.at + AGAIN_AFTER <= offered.at for one in same)


def offered(known: Sequence[ClientSecret], newest: ClientSecret) -> tuple[ClientSecret, ...]:
    """Put a new secret first; one that is known keeps its place and is sealed as it came now."""
    if any(one.fingerprint == newest.fingerprint for one in known):
        again = {one.fingerprint: replace(newest, proven=one.proven) for one in known}
        return tuple(again[one.fingerprint] if one.fingerprint == newest.fingerprint else one for one in known)
    others = sorted((one for one in known if one.is_key == newest.is_key), key=lambda one: not one.proven)
    return (*(newest, *others)[:AT_MOST], *(one for one in known if one.is_key != newest.is_key))


def may_lead(one: ClientSecret, own: str | None) -> bool:
    """Tell whether a code may be sent with a secret first: it has worked, or is the config's own.

    `own` is the fingerprint of that one. Somebody's slip in another config must not cost a login at a provider whose
    codes do not outlive a refused secret.
    """
    return one.proven or one.fingerprint == own


def proved(known: Sequence[ClientSecret], tried: Tried) -> tuple[ClientSecret, ...]:
    """Take what a success has shown: what worked is proven, and a candidate refused in the same attempt goes.

    One that was proven before stays, and is tried last from now on: else each refresh would be refused once first.

    `known` is what is stored now: another process may have proven meanwhile what was refused here, and providers refuse
    a good secret now and then.
    """
    gone = None if tried.refused is None else tried.refused.fingerprint
    stay = (one for one in known if one.proven or one.fingerprint != gone)
    kept = sorted(stay, key=lambda one: one.fingerprint == gone)
    worked = replace(tried.worked, proven=True)
    if all(one.fingerprint != worked.fingerprint for one in kept):
        return (*kept, worked) if sum(one.is_key == worked.is_key for one in kept) < AT_MOST else tuple(kept)
    return tuple(replace(one, proven=True) if one.fingerprint == worked.fingerprint else one for one in kept)
