"""Notes who got which access token on which day: in memory, written in bulk once a minute, shown before a delete.

While the database is another bus's, what is noted stays in memory.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from grantkeeper.process.clock import Clock
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.run import Loop
from services.refresher.store import GrantStore

FLUSH_EVERY: Final = 60.0
"""Seconds; what a crash loses is noted with the next use."""


class Usage:
    """Collects uses and writes them; a part of the process (start, stop, problems)."""

    def __init__(self, store: GrantStore, *, clock: Clock, metrics: Metrics, is_held: Callable[[], bool]) -> None:
        self._store = store
        self._is_held = is_held
        self._loop = Loop("usage", self.flush, clock=clock, metrics=metrics, patience=5 * FLUSH_EVERY)
        self._days: dict[tuple[str, str], str] = {}
        self._written: dict[tuple[str, str], str] = {}

    async def start(self) -> None:
        """Begin to write."""
        await self._loop.start()

    async def stop(self) -> None:
        """Write what is left."""
        await self._loop.stop()
        await self.flush()

    def problems(self) -> list[str]:
        """Say whether it writes."""
        return self._loop.problems()

    def note(self, config_id: str, principal: str, now: datetime) -> None:
        """Note one use."""
        self._days[config_id, principal] = now.date().isoformat()

    async def flush(self) -> float:
        """Write what is new since the last flush; returns the seconds until the next one."""
        if self._is_held():
            return FLUSH_EVERY
        noted, self._days = self._days, {}
        new = {use: day for use, day in noted.items() if self._written.get(use) != day}
        try:
            await self._store.note_use(new)
        except BaseException:
            self._days = noted | self._days
            raise
        today = max(new.values(), default="")
        self._written = {use: day for use, day in (self._written | new).items() if day >= today}
        return FLUSH_EVERY
