"""Repeats what must not be given up as long as the process lives, and shows it: in the log, in /readyz, in a metric.

What is in hand may be the only copy of a refresh token: its provider may have ended the one before.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

from grantkeeper.bus.backoff import backoff
from grantkeeper.bus.errors import Unavailable
from grantkeeper.process.clock import Clock, Ids
from grantkeeper.process.logging import get_logger
from grantkeeper.process.metrics import Metrics

log = get_logger(__name__)
T = TypeVar("T")


class Patience:
    """Knows which results are still in memory alone; a check of the process (problems)."""

    def __init__(self, clock: Clock, ids: Ids, metrics: Metrics) -> None:
        self._clock = clock
        self._ids = ids
        self._metrics = metrics
        self._unstored: dict[str, str] = {}

    async def outlast(
        self, config_id: str, work: Callable[[], Awaitable[T]], errors: type[Exception] = Unavailable
    ) -> T:
        """Do the work, as often as it takes to end without one of these errors; others pass."""
        attempt = 0
        try:
            while True:
                try:
                    return await work()
                except errors as error:
                    self._show(config_id, error, attempt)
                await self._clock.sleep(backoff(attempt, self._ids.random()))
                attempt += 1
        finally:
            if self._unstored.pop(config_id, None) is not None:
                self._metrics.set("results_unstored", len(self._unstored))

    def _show(self, config_id: str, error: Exception, attempt: int) -> None:
        # By its name where it is not ours: a server's error may repeat what was to be written.
        why = str(error) if isinstance(error, Unavailable) else type(error).__name__
        log.warning("result kept in memory until it is stored", config_id=config_id, error=why, attempt=attempt)
        self._unstored[config_id] = why
        self._metrics.set("results_unstored", len(self._unstored))

    def unstored(self) -> Collection[str]:
        """Return the ids of the configs whose results are in memory alone."""
        return self._unstored.keys()

    def problems(self) -> list[str]:
        """Say whether a stop would lose something."""
        if not self._unstored:
            return []
        config_id, why = next(iter(self._unstored.items()))
        return [f"kept in memory alone: {len(self._unstored)}, among them the result of {config_id}: {why}"]
