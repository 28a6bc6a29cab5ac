"""Writes and tells that access tokens are over where no attempt comes that would do it.

A grant whose client is paused or asked for patience is not claimed, and one that is far behind in a queue not yet. Its
state must say so all the same, and who is to be told of it must not wait until the provider is back. Nothing is claimed
here, and nothing sent. One that is written already, when its client is left alone or held, is told then.
"""

from collections.abc import Callable, Mapping
from typing import Final

from grantkeeper.bus.outbox import OutboxRelay
from grantkeeper.mongo.outbox import Pending
from grantkeeper.process.clock import Ids
from services.refresher.announce import announced
from services.refresher.clients import Clients
from services.refresher.domain.grant import time_passed
from services.refresher.domain.record import Record
from services.refresher.due_store import DueStore
from services.refresher.store import GrantStore

LOOK_EVERY: Final = 1.0
"""Seconds between two looks."""
AT_ONCE: Final = 200
"""Records per look: less than a second's work."""


class Expiring:
    """Looks for access tokens that are over."""

    def __init__(
        self,
        store: GrantStore,
        due: DueStore,
        clients: Clients,
        relay: OutboxRelay,
        ids: Ids,
        is_held: Callable[[], bool],
    ) -> None:
        self._store = store
        self._due = due
        self._clients = clients
        self._relay = relay
        self._ids = ids
        self._is_held = is_held

    async def turn(self) -> float:
        """Write some; returns the seconds until the next look."""
        if self._is_held():
            return LOOK_EVERY
        over = await self._due.over(AT_ONCE)
        if over:
            await self._clients.look()  # what is told depends on it
        untried = self._clients.untried()
        if untried and len(over) < AT_ONCE:
            over += await self._due.untold(list(untried), AT_ONCE - len(over))
        if not over:
            return LOOK_EVERY
        written = [await self._write(record, untried) for record in (await self._store.read_many(over)).values()]
        told = [pending for pending in written if pending is not None]
        await self._relay.publish_now(told)
        return 0.0 if len(told) == AT_ONCE else LOOK_EVERY

    async def _write(self, record: Record, untried: Mapping[str, str]) -> Pending | None:
        """Write what time has changed; None where somebody else was faster, and will have written it."""
        now = self._store.time.now()
        if record.lease is not None or record.grant.is_live(now):
            return None
        after, entries = announced(
            record,
            time_passed(record, now),
            now=now,
            happened="expired",
            ids=self._ids,
            client_faulty=self._clients.is_faulty(record.client),
            untried=untried.get(record.client, ""),
        )
        written = await self._store.write(record, after, entries)
        return None if written is None else written.pending
