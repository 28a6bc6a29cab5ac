"""How long to wait after a failure, by what the answer meant.

Exponential with full jitter (AWS, "Exponential backoff and jitter"), never shorter than the answer or the error table
asks for; `chance` is a number in [0, 1) from outside. What only a person can cure is tried again seldom, so that a cure
at the provider is noticed.
"""

from datetime import timedelta
from typing import Final

from grantkeeper.oauth2.errors import Failure

FIRST: Final = timedelta(seconds=2)
"""Mean of the first wait is half of it: a hiccup is over by then."""
LONGEST: Final = timedelta(seconds=300)
"""A provider that is back is used again within five minutes."""
SHORTEST: Final = timedelta(milliseconds=500)
"""Full jitter may draw nothing at all; a refused connection must not be hammered."""
SLOW: Final = timedelta(minutes=15)
"""For what needs a person; providers count failed attempts (AADSTS50196)."""
SLOWEST: Final = timedelta(hours=6)


def wait_after(failure: Failure, failures: int, chance: float) -> timedelta | None:
    """Return the wait before the next attempt; None = none will help. `failures` counts this one."""
    match failure.attempt_class:
        case "reauthorization":
            return None
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
