"""The end of a config: 30 days after its delete it is announced as purged, then forgotten with its history.

The announcement (ConfigPurged, then a tombstone) stands in the document's outbox; the document goes when both are out.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from grantkeeper.mongo.outbox import Pending
from grantkeeper.process.clock import Clock
from grantkeeper.process.logging import get_logger
from services.config_service.domain.edits import UNDO_TIME
from services.config_service.store import ConfigStore

log = get_logger(__name__)

AT_ONCE: Final = 100
"""Configs per turn: the next turn comes at once where there may be more."""


class Purge:
    """One turn after another; safe in any number of processes."""

    def __init__(
        self,
        store: ConfigStore,
        publish: Callable[[Sequence[Pending]], Awaitable[None]],
        clock: Clock,
        interval: float,
    ) -> None:
        self._store = store
        self._publish = publish
        self._clock = clock
        self._interval = interval

    async def turn(self) -> float:
        """Forget what was announced, announce what is due; return the seconds to wait."""
        forgotten = await self._store.forget()
        now = self._clock.now()
        begun = await self._store.purge(now - UNDO_TIME, now, AT_ONCE)
        if begun:
            await self._publish(begun)
        if forgotten or begun:
            log.info("configs purged", announced=len(begun), forgotten=forgotten)
        return 0.0 if len(begun) == AT_ONCE else self._interval
