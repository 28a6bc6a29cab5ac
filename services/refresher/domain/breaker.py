"""When a client is left alone, and how it is let in again: rules without state.

Many failures in a row that are the provider's open the breaker: then one grant at a time is tried, and with each that
fails the longest wait for the next one doubles. A success closes it, and who was paused is let in step by step: a
provider that has just come back is not met by everybody at once.
"""

from datetime import timedelta
from typing import Final

from grantkeeper.oauth2.errors import Failure
from schemas.reasons import AttemptClass

BREAKS_AFTER: Final = 10
"""Failures in a row: fewer happen by chance where a provider refuses a third of all calls."""
OPEN_FIRST: Final = timedelta(seconds=4)
OPEN_LONGEST: Final = timedelta(seconds=60)
"""One call a minute bothers nobody, and a provider that is back is used again within a minute."""
OPEN_SHORTEST: Final = timedelta(milliseconds=500)
TROUBLE: Final[frozenset[AttemptClass]] = frozenset({"transient", "transient_alarm", "ambiguous"})
EVERYBODY: Final = 1 << 16
"""Beyond every limit that can be set."""


def is_trouble(failure: Failure) -> bool:
    """Tell whether the next grant of the client can expect the same: the provider is away, slow or overloaded."""
    return failure.attempt_class in TROUBLE


def open_for(openings: int, chance: float) -> timedelta:
    """Return how long nothing is tried; `openings` counts this one, `chance` in [0, 1) is the full jitter."""
    longest = min(OPEN_FIRST * (1 << min(openings - 1, 16)), OPEN_LONGEST)
    return max(OPEN_SHORTEST, longest * chance)


def let_in_after(successes: int) -> int:
    """Return how many calls at a time a client that was paused may make after so many successes."""
    return min(1 << min(successes, 16), EVERYBODY)
