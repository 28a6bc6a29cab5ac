"""What follows a failure: how long to wait, and which refresh token is worth another try.

Exponential with full jitter (AWS, "Exponential backoff and jitter"), never shorter than the answer or the error table
asks for; `chance` is a number in [0, 1) from outside. What only a person can cure is tried again seldom, so that a cure
at the provider is noticed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final, Literal

from grantkeeper.oauth2.errors import Failure
from schemas.token_config import RotationRule
from services.refresher.domain.record import Grant

FIRST: Final = timedelta(seconds=2)
"""Mean of the first wait is half of it: a hiccup is over by then."""
LONGEST: Final = timedelta(seconds=300)
"""A provider that is back is used again within five minutes."""
SHORTEST: Final = timedelta(milliseconds=500)
"""Full jitter may draw nothing at all; a refused connection must not be hammered."""
SLOW: Final = timedelta(minutes=15)
"""For what needs a person; providers count failed attempts (AADSTS50196)."""
SLOWEST: Final = timedelta(hours=6)

Verdict = Literal["ended", "lost_rotation", "try_previous"]


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a provider's rule for used refresh tokens means after an attempt whose outcome was never learned."""

    replaces: bool
    """The lost answer may have carried a new refresh token."""
    takes_previous: bool
    """One that was replaced still works: sending it ends nothing, and may save a login."""


ROTATIONS: Final[Mapping[RotationRule, Rotation]] = MappingProxyType(
    {
        "none": Rotation(replaces=False, takes_previous=True),
        "replace": Rotation(replaces=True, takes_previous=True),
        # Within the grace the one that was just sent gets the lost answer again; the one before it is long over.
        "grace": Rotation(replaces=True, takes_previous=False),
        # Whatever was used once ends the whole family when it is seen again (RFC 9700 section 4.14.2).
        "strict": Rotation(replaces=True, takes_previous=False),
    }
)
"""By every rule an unknown outcome is followed by the same refresh token, the first time at once: if the provider never
saw it, it works; if it did, only this can still bring the answer. A refusal is judged by `after_refusal`."""


def after_refusal(grant: Grant, rule: RotationRule) -> Verdict:
    """Judge `invalid_grant` and its like: only after an unknown outcome may it mean that an answer was lost."""
    if grant.unknown == 0:
        return "ended"
    rotation = ROTATIONS[rule]
    if rotation.takes_previous and grant.previous_refresh_token is not None and not grant.falls_back:
        return "try_previous"
    return "lost_rotation" if rotation.replaces else "ended"


def to_send(grant: Grant) -> str | None:
    """Return the refresh token, encrypted, that the next attempt sends."""
    return grant.previous_refresh_token if grant.falls_back else grant.refresh_token


def wait_after(failure: Failure, failures: int, chance: float) -> timedelta:
    """Return the wait before the next attempt, if there will be one; `failures` counts this one."""
    match failure.attempt_class:
        case "transient" | "ambiguous":
            wait = _exponential(FIRST, LONGEST, failures) * chance
        case "transient_alarm":
            wait = _exponential(FIRST * 5, SLOW, failures) * (0.5 + chance / 2)
        case _:
            wait = _exponential(SLOW, SLOWEST, failures) * (0.5 + chance / 2)
    return max(wait, SHORTEST, timedelta(seconds=failure.wait))


def _exponential(first: timedelta, longest: timedelta, failures: int) -> timedelta:
    # 2**16 is far beyond every cap and keeps the product within timedelta.
    return min(first * (1 << min(failures - 1, 16)), longest)
