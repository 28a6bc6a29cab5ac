"""How long to wait between tries: exponential with full jitter, bounded; pure."""

from typing import Final

FIRST: Final = 0.1
LONGEST: Final = 5.0
"""Seconds: a server that is back is noticed soon, and one that is away is not hammered."""


def backoff(attempt: int, chance: float) -> float:
    """Return the seconds to wait after failed try number `attempt` (from 0); `chance` in [0, 1) spreads the callers.

    At least a tenth of the bound, so that a series of low chances is never a hot loop.
    """
    bound = min(LONGEST, FIRST * 2.0 ** min(attempt, 16))
    return bound * (0.1 + 0.9 * chance)
