"""How many calls a client makes at a time: one slot each, free again once the answer is in hand.

The limit may change while calls are under way: it follows from how many clients share the process, and from how far a
client that was paused has been let in again.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from services.refresher.clients import Clients
from services.refresher.domain.record import OF_ADMINS, Record
from services.refresher.domain.shares import share
from services.refresher.settings import AttemptSettings


class Slot:
    """One taken slot."""

    def __init__(self, give_back: Callable[[], None]) -> None:
        self._give_back = give_back
        self._taken = True

    def free(self) -> None:
        """Let the next one begin; once is enough, and more do no harm."""
        if self._taken:
            self._taken = False
            self._give_back()


@dataclass(slots=True)
class _Line:
    """One client's calls, and who waits to make one."""

    taken: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class Slots:
    """The slots of all clients of a process."""

    def __init__(self, settings: AttemptSettings, clients: Clients) -> None:
        self._settings = settings
        self._clients = clients
        self.share = settings.max_per_client
        self._lines: dict[str, _Line] = {}

    def share_among(self, clients: int) -> None:
        """Give each of so many clients its share."""
        self.share = share(self._settings.max_in_flight, self._settings.max_per_client, clients)

    def limit(self, client: str) -> int:
        """Return how many calls a client may have under way right now."""
        return min(self.share, self._clients.let_in(client))

    def admits(self, claimed: Record) -> bool:
        """Tell whether a record may still be worked on: its client may have been paused or held since its claim."""
        return self._clients.may_send(claimed) or any(wish.kind in OF_ADMINS for wish in claimed.wishes)

    @asynccontextmanager
    async def slot(self, client: str) -> AsyncIterator[Slot]:
        """Wait for a slot, and free it at the end of the block at the latest."""
        await self._take(client)
        slot = Slot(lambda: self._give_back(client))
        try:
            yield slot
        finally:
            slot.free()

    async def _take(self, client: str) -> None:
        line = self._lines.setdefault(client, _Line())
        if not line.waiting and line.taken < self.limit(client):
            line.taken += 1
            return
        turn = asyncio.get_running_loop().create_future()
        line.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back(client)
            raise

    def _give_back(self, client: str) -> None:
        line = self._lines[client]
        line.taken -= 1
        while line.waiting and line.taken < self.limit(client):
            turn = line.waiting.popleft()
            if not turn.done():
                line.taken += 1
                turn.set_result(None)
        if not line.taken and not line.waiting:
            del self._lines[client]
