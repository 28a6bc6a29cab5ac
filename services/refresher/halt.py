"""Tells everybody who waits for a provider that nothing is sent now, while the engine is stopped or held.

What is due stays due; only who asked is answered, so that nobody waits for an attempt that will not be made. On a bus
that the database does not belong to, nobody waits: who does asked the installation that owns it, which will answer.
"""

from typing import Final

from services.refresher.calling import TooLate
from services.refresher.domain.engine import passed_over
from services.refresher.domain.record import EVERY_KIND, Record
from services.refresher.domain.serving import Refuse
from services.refresher.engine import LOOK_EVERY, EngineSwitch
from services.refresher.engine_store import EngineStore
from services.refresher.store import GrantStore
from services.refresher.storing import Ending, Storing
from services.refresher.telling import Telling

AT_ONCE: Final = 200
"""Records per turn: a second's work."""


class Halt:
    """Ends claimed records without a call."""

    def __init__(
        self, engine: EngineSwitch, engine_store: EngineStore, store: GrantStore, storing: Storing, telling: Telling
    ) -> None:
        self._engine = engine
        self._engine_store = engine_store
        self._store = store
        self._storing = storing
        self._telling = telling

    async def turn(self) -> float:
        """Answer who waits, as long as nothing may be sent; returns the seconds until the next look."""
        refused = self._engine.refusal()
        if refused is None or self._engine.is_held():
            return LOOK_EVERY
        waited_for = await self._engine_store.waited_for(AT_ONCE)
        for claimed in await self._store.claim(waited_for) if waited_for else []:
            await self._end(claimed, refused)
        return LOOK_EVERY

    async def passes_over(self, claimed: Record) -> bool:
        """End a record that was claimed just before the stop; False where the engine runs.

        Raises TooLate for one that belongs to another bus meanwhile: its owner goes on with it.
        """
        if self._engine.is_held():
            raise TooLate
        refused = self._engine.refusal()
        if refused is not None:
            await self._end(claimed, refused)
        return refused is not None

    async def _end(self, claimed: Record, refused: Refuse) -> None:
        written = await self._storing.end(claimed, Ending(passed_over, "reported", EVERY_KIND))
        if written is not None:
            await self._telling.halted(written, refused)
