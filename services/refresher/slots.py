"""How many calls a client makes at a time: one slot each, free again once the answer is in hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Slot:
    """One taken slot."""

    def __init__(self, semaphore: asyncio.Semaphore) -> None:
        self._semaphore = semaphore
        self._taken = True

    def free(self) -> None:
        """Let the next one begin; once is enough, and more do no harm."""
        if self._taken:
            self._taken = False
            self._semaphore.release()


class Slots:
    """The slots of all clients of a process."""

    def __init__(self, per_client: int) -> None:
        self._per_client = per_client
        self._semaphores: dict[str, asyncio.Semaphore] = {}
        self._users: dict[str, int] = {}

    @asynccontextmanager
    async def slot(self, client: str) -> AsyncIterator[Slot]:
        """Wait for a slot, and free it at the end of the block at the latest."""
        semaphore = self._semaphores.setdefault(client, asyncio.Semaphore(self._per_client))
        self._users[client] = self._users.get(client, 0) + 1
        try:
            await semaphore.acquire()
            slot = Slot(semaphore)
            try:
                yield slot
            finally:
                slot.free()
        finally:
            self._forget(client)

    def _forget(self, client: str) -> None:
        self._users[client] -= 1
        if not self._users[client]:
            del self._users[client], self._semaphores[client]
