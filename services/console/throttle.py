"""Slows down guessing of passwords: after some wrong ones, a name from an address has to wait, longer each time.

Kept in memory: with several replicas a guesser gets as many tries more, which changes nothing about their number.
"""

from collections import OrderedDict
from typing import Final

from grantkeeper.process.clock import Clock

FREE_TRIES: Final = 5
LONGEST_WAIT: Final = 300.0
"""Seconds; a person who mistyped comes back after a coffee, a guesser gets 288 tries a day."""
KEPT: Final = 10_000
"""Names and addresses remembered; the oldest is forgotten first, so that memory is bounded."""


class Throttle:
    """Counts wrong passwords per key."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Return the seconds until this key may try again; 0 = now."""
        _, until = self._failures.get(key, (0, 0.0))
        return max(0.0, until - self._clock.monotonic())

    def failed(self, key: str) -> None:
        """Count one wrong password."""
        count = self._failures.pop(key, (0, 0.0))[0] + 1
        pause = min(LONGEST_WAIT, 2.0 ** (count - FREE_TRIES)) if count >= FREE_TRIES else 0.0
        self._failures[key] = (count, self._clock.monotonic() + pause)
        if len(self._failures) > KEPT:
            self._failures.popitem(last=False)

    def passed(self, key: str) -> None:
        """Forget the wrong ones after a right one."""
        self._failures.pop(key, None)
