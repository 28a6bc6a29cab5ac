"""Forgets clients that no token config names any more: what is open is settled, their secrets go, topics forget them.

Its last event goes out with its document, the tombstone before the document goes: a crash in between repeats it.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from grantkeeper.bus.outbox import OutboxRelay
from grantkeeper.bus.publish import Publisher
from grantkeeper.process.clock import Ids
from grantkeeper.process.logging import get_logger
from schemas.token_events import ClientChanged
from services.refresher.client_events import recovered, recovery_events
from services.refresher.client_store import Client, ClientStore
from services.refresher.database_time import DatabaseTime

log = get_logger(__name__)

UNUSED_FOR: Final = timedelta(hours=1)
"""Before a client is forgotten: far longer than the storing of a config whose client was just met."""
LOOK_EVERY: Final = 600.0
"""Seconds between two looks at all clients."""
AGAIN_AFTER: Final = 1.0
"""Seconds after which is seen whether the last event of a client has gone out."""


class UnusedClients:
    """The turn of a background loop."""

    def __init__(
        self,
        store: ClientStore,
        relay: OutboxRelay,
        publisher: Publisher,
        time: DatabaseTime,
        ids: Ids,
        is_held: Callable[[], bool],
    ) -> None:
        self._store = store
        self._relay = relay
        self._publisher = publisher
        self._time = time
        self._ids = ids
        self._is_held = is_held

    async def turn(self) -> float:
        """Settle or forget; returns the seconds until the next turn."""
        if self._is_held():
            return LOOK_EVERY
        unused = await self._store.unused(UNUSED_FOR)
        for client in unused:
            if client.is_paused or client.refused is not None:
                await self._settle(client)
            else:
                await self._forget(client)
        return AGAIN_AFTER if unused else LOOK_EVERY

    async def _settle(self, client: Client) -> None:
        now = self._time.now()
        entries = recovery_events(client, 0, now, self._ids) if client.is_paused else []
        if client.refused is not None:
            entries.append(recovered(client, "client_secret_refused", now, self._ids))
        well = replace(client, fault=None, suspects=(), probe_at=None, openings=0, refused=None)
        pending = await self._store.write(client, well, entries, now)
        if pending is not None:
            await self._relay.publish_now([pending])

    async def _forget(self, client: Client) -> None:
        tombstone = self._publisher.tombstone(
            ClientChanged, id=self._ids.uuid7(), time=self._time.now(), key=client.hash
        )
        await self._publisher.publish_many([tombstone])
        if await self._store.remove(client):
            log.info("client forgotten: no token config names it", client=client.hash)
