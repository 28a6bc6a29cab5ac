"""Topic `config.events`: takes the public half of each config with its sealed secret; the grant stays as it is.

Guarded by the config's sequence: an event that comes twice, or late, changes nothing. While the database is another
bus's, events wait in Kafka: a purge that is meant for a copy must not reach the original.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from grantkeeper.bus.errors import Unavailable
from grantkeeper.bus.outbox import OutboxRelay
from grantkeeper.bus.received import ReceivedEvent
from grantkeeper.mongo.outbox import Pending
from grantkeeper.process.clock import Ids
from grantkeeper.process.failpoints import Failpoints
from schemas.config_events import ConfigChanged, ConfigPurged
from schemas.token_events import Happened
from schemas.topics import TOKEN_EVENTS
from services.refresher.announce import announced
from services.refresher.client_secrets import ClientSecrets
from services.refresher.client_store import ClientStore
from services.refresher.clients import Clients
from services.refresher.domain.client import client_of, origin_of
from services.refresher.domain.grant import config_changed, purged
from services.refresher.domain.record import Record
from services.refresher.store import GrantStore, Written

CONCURRENT = 32
"""Writes at a time: an import of 10,000 configs comes in batches of 500."""

NOTHING_AFTER: Final = 2**62
"""Higher than the sequence of any event; MongoDB's integers have 63 bits."""


class ConfigEvents:
    """The handler of the topic; `wake` starts the attempt loop at once."""

    def __init__(
        self,
        store: GrantStore,
        client_store: ClientStore,
        clients: Clients,
        secrets: ClientSecrets,
        relay: OutboxRelay,
        ids: Ids,
        wake: Callable[[], None],
        failpoints: Failpoints,
    ) -> None:
        self._store = store
        self._client_store = client_store
        self._clients = clients
        self._secrets = secrets
        self._relay = relay
        self._ids = ids
        self._wake = wake
        self._failpoints = failpoints

    async def handle(self, batch: Sequence[ReceivedEvent]) -> None:
        """Store the newest state of each config of a batch, then publish what changed."""
        newest = _newest(batch)
        changed = [event for event in newest.values() if isinstance(event, ConfigChanged)]
        await self._client_store.meet([client_of(event.config) for event in changed], self._store.time.now())
        known = await self._store.read_all(newest)
        limit = asyncio.Semaphore(CONCURRENT)
        written = await asyncio.gather(
            *(self._limited(limit, event, known.get(config_id)) for config_id, event in newest.items())
        )
        await self._failpoints.reach("refresher.config_stored")
        await self._relay.publish_now([pending for pending in written if pending is not None])
        self._wake()

    async def _limited(
        self, limit: asyncio.Semaphore, event: ConfigChanged | ConfigPurged, record: Record | None
    ) -> Pending | None:
        async with limit:
            return await self._take(event, record)

    async def _take(self, event: ConfigChanged | ConfigPurged, record: Record | None) -> Pending | None:
        while record is None or event.sequence > record.config_sequence:
            if isinstance(event, ConfigPurged) and (record is None or record.purged):
                return None
            await self._another_secret(event, record)
            written = await self._write(event, record)
            if written is not None:
                return written.pending if written.pending.entries else None
            record = await self._store.read(event.config_id)
        return None

    async def _write(self, event: ConfigChanged | ConfigPurged, record: Record | None) -> Written | None:
        now = self._store.time.now()
        after = self._transition(event, record, now)
        settled, entries = announced(
            record,
            after,
            now=now,
            happened=_happened(after),
            actor=event.actor if isinstance(event, ConfigChanged) else None,
            ids=self._ids,
            client_faulty=self._clients.is_faulty(after.client),
        )
        if settled.purged:
            # The tombstone of the attempt loop is the last word: a state that came after it would stay for ever.
            entries = [entry for entry in entries if entry.topic != TOKEN_EVENTS]
        if record is None:
            return await self._store.insert(settled, entries)
        return await self._store.write(record, settled, entries)

    def _transition(self, event: ConfigChanged | ConfigPurged, record: Record | None, now: datetime) -> Record:
        if isinstance(event, ConfigChanged):
            client = client_of(event.config).hash
            return config_changed(record, event, client=client, origin=origin_of(event.config), now=now)
        if record is None:
            raise LookupError(f"{event.config_id} was purged before it was known here")
        return purged(record, event.sequence)

    async def _another_secret(self, event: ConfigChanged | ConfigPurged, record: Record | None) -> None:
        """Offer a new client secret to the client before the config is stored: a crash in between repeats both."""
        if isinstance(event, ConfigPurged) or (record is not None and record.secret == event.config.client_secret):
            return
        await self._secrets.offer(client_of(event.config).hash, event.config_id, event.config)
        await self._failpoints.reach("refresher.secret_offered")


def unless_held(
    is_held: Callable[[], bool], handle: Callable[[Sequence[ReceivedEvent]], Awaitable[None]]
) -> Callable[[Sequence[ReceivedEvent]], Awaitable[None]]:
    """Let events wait as they wait for a database that is away."""

    async def guarded(batch: Sequence[ReceivedEvent]) -> None:
        if is_held():
            raise Unavailable("the database is used with another Kafka cluster: events wait until an admin resumes")
        await handle(batch)

    return guarded


def _newest(batch: Sequence[ReceivedEvent]) -> dict[str, ConfigChanged | ConfigPurged]:
    newest: dict[str, ConfigChanged | ConfigPurged] = {}
    for received in batch:
        message = _tombstone(received) if received.message is None else received.message
        if not isinstance(message, ConfigChanged | ConfigPurged):
            raise TypeError(f"{type(message).__name__} is no event of this topic")
        known = newest.get(message.config_id)
        if known is None or message.sequence > known.sequence:
            newest[message.config_id] = message
    return newest


def _tombstone(received: ReceivedEvent) -> ConfigPurged:
    """Read a tombstone as the purge before it, which compaction may have removed; nothing comes after it."""
    config_id = (received.envelope.key or b"").decode()
    return ConfigPurged(config_id=config_id, revision=1, sequence=NOTHING_AFTER)


def _happened(record: Record) -> Happened:
    return "deleted" if record.deleted else "config_changed"
