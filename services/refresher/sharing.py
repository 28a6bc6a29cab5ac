"""Tells of token configs that hold the same refresh token: each would use it up for the other.

A login and an adoption are refused before that; two at the same moment, or a provider that gives the same refresh token
to two, come through. What was given is stored all the same. Looked for beside the attempts, which pay nothing for it:
among what was stored here since the last look, and at the start and once a day among all, since that is a long read.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from grantkeeper.process.clock import Clock
from services.refresher.domain.grant import shared
from services.refresher.domain.record import Record
from services.refresher.sharing_store import SharingStore
from services.refresher.storing import Storing

LOOK_EVERY: Final = 60.0
"""Seconds between two looks: long before an access token ends, and a refresh token is sent again."""
ALL_EVERY: Final = 86_400.0
"""Seconds between two looks at all: a process that was killed may have stored some and not looked."""


class Sharing:
    """The turn of a background loop."""

    def __init__(self, store: SharingStore, storing: Storing, clock: Clock, is_held: Callable[[], bool]) -> None:
        self._store = store
        self._storing = storing
        self._clock = clock
        self._is_held = is_held
        self._all_at = -ALL_EVERY

    async def turn(self) -> float:
        """Note what has changed; returns the seconds until the next look."""
        if not self._is_held():
            await self._look()
        return LOOK_EVERY

    async def _look(self) -> None:
        now, replaced = self._clock.monotonic(), frozenset(self._storing.replaced)
        is_long = now - self._all_at >= ALL_EVERY
        for config_id, other in (await self._store.news(None if is_long else replaced)).items():
            await self._note(config_id, other)
        self._storing.replaced -= replaced
        if is_long:
            self._all_at = now

    async def _note(self, config_id: str, other: str | None) -> None:
        def transition(record: Record, _: datetime) -> Record:
            return shared(record, other)

        await self._storing.change(config_id, transition, "reported", None)
