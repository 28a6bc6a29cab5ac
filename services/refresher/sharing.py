"""Tells of token configs that hold the same refresh token: each would use it up for the other.

A login and an adoption are refused before that; two at the same moment, or a provider that gives the same refresh token
to two, come through. What was given is stored all the same. Looked for beside the attempts, which pay nothing for it.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from services.refresher.domain.grant import shared
from services.refresher.domain.record import Record
from services.refresher.sharing_store import SharingStore
from services.refresher.storing import Storing

LOOK_EVERY: Final = 60.0
"""Seconds between two looks: long before an access token ends, and a refresh token is sent again."""


class Sharing:
    """The turn of a background loop."""

    def __init__(self, store: SharingStore, storing: Storing, is_held: Callable[[], bool]) -> None:
        self._store = store
        self._storing = storing
        self._is_held = is_held

    async def turn(self) -> float:
        """Note what has changed; returns the seconds until the next look."""
        if not self._is_held():
            for config_id, other in (await self._store.news()).items():
                await self._note(config_id, other)
        return LOOK_EVERY

    async def _note(self, config_id: str, other: str | None) -> None:
        def transition(record: Record, _: datetime) -> Record:
            return shared(record, other)

        await self._storing.change(config_id, transition, "reported", None)
