"""Faults of clients: recorded once, told once, joined by readers; and their endpoints.

Only what the error table lists as the client's own fault pauses it, and only when a second config's token confirms it
where there is one: else one mistyped secret would stop everybody. A paused client is probed seldom, with one grant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from grantkeeper.bus.outbox import OutboxRelay
from grantkeeper.mongo.outbox import Entry
from grantkeeper.oauth2.errors import Failure
from grantkeeper.process.clock import Ids
from grantkeeper.process.logging import get_logger
from schemas.expiry_events import ExpiryRecovered, ExpiryReported
from schemas.token_events import ClientChanged
from services.refresher.announce import entry
from services.refresher.client_store import Client, ClientStore, Fault, client_from
from services.refresher.domain.record import Record
from services.refresher.store import GrantStore

log = get_logger(__name__)

PROBE_EVERY: Final = timedelta(minutes=15)
"""A cure at the provider is noticed within so long; a cure here (a new secret) at once."""


class Clients:
    """What is known of clients; `is_faulty` answers from memory, at most one tick old."""

    def __init__(self, store: ClientStore, grants: GrantStore, relay: OutboxRelay, ids: Ids) -> None:
        self._store = store
        self._grants = grants
        self._relay = relay
        self._ids = ids
        self._troubled: dict[str, Client] = {}

    def is_faulty(self, client: str) -> bool:
        """Tell whether a client is paused."""
        known = self._troubled.get(client)
        return known is not None and known.fault is not None

    def held_until(self, client: str) -> datetime | None:
        """Return until when the provider asked for patience."""
        known = self._troubled.get(client)
        return None if known is None else known.held_until

    async def hold(self, client: str, failure: Failure) -> None:
        """Obey a provider that asks for patience (RFC 9110 section 10.2.3), with all grants of the client."""
        await self._store.hold(client, failure.wait)
        await self.look()

    def faulty(self) -> list[str]:
        """Return the hashes of all paused clients."""
        return [client for client in self._troubled if self.is_faulty(client)]

    async def look(self) -> None:
        """Learn what other processes found out."""
        self._troubled = {client.hash: client for client in await self._store.troubled()}

    async def blame(self, record: Record, failure: Failure) -> None:
        """Take a refusal that is the client's own fault."""
        while (client := await self._store.read(record.client)) is not None and client.fault is None:
            users = await self._grants.count_of_client(client.hash)
            suspects = tuple(dict.fromkeys((*client.suspects, record.config_id)))
            confirmed = len(suspects) > 1 or not await self._grants.has_others(client.hash, record.config_id)
            now = self._grants.time.now()
            blamed = replace(client, suspects=suspects)
            if confirmed:
                blamed = replace(blamed, fault=_fault(failure, now), probe_at=now + PROBE_EVERY)
            if await self._write(client, blamed, self._fault_events(blamed, users, now), now):
                return

    async def clear(self, client_hash: str, *, even_unknown: bool = False) -> None:
        """Take a success, or a new secret: the client is trusted again. Costs nothing where nothing was wrong."""
        if client_hash not in self._troubled and not even_unknown:
            return
        while (client := await self._store.read(client_hash)) is not None and (client.fault or client.suspects):
            users = await self._grants.count_of_client(client.hash)
            now = self._grants.time.now()
            events = [] if client.fault is None else self._recovery_events(client, users, now)
            if await self._write(client, replace(client, fault=None, suspects=(), probe_at=None), events, now):
                return
        self._troubled.pop(client_hash, None)

    async def _write(self, before: Client, after: Client, entries: list[Entry], now: datetime) -> bool:
        pending = await self._store.write(before, after, entries, now)
        if pending is None:
            return False
        if after.fault or after.suspects:
            self._troubled[after.hash] = after
        else:
            self._troubled.pop(after.hash, None)
        if pending.entries:
            await self._relay.publish_now([pending])
        return True

    def _fault_events(self, client: Client, users: int, now: datetime) -> list[Entry]:
        fault = client.fault
        if fault is None:
            return []
        log.warning("client paused", client=client.hash, code=fault.code, tokens=users)
        reported = ExpiryReported(
            cause=f"client:{client.hash}:client_fault",
            kind="client_fault",
            client=client.hash,
            name=client.client_id or client.server,
            cure_id=fault.cure_id,
            cure=fault.cure,
            text=fault.text,
            at=now,
            count=max(users, 1),
            sequence=client.sequence + 1,
        )
        messages = (_changed(client, users, now), reported)
        return [entry(message, self._ids, client.hash, now) for message in messages]

    def _recovery_events(self, client: Client, users: int, now: datetime) -> list[Entry]:
        well = replace(client, fault=None)
        recovered = ExpiryRecovered(
            causes=(f"client:{client.hash}:client_fault",), client=client.hash, at=now, sequence=client.sequence + 1
        )
        return [entry(message, self._ids, client.hash, now) for message in (_changed(well, users, now), recovered)]


class CurrentClient:
    """Tells a client's whole state again, where an older one may have been published after a newer one."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    def __call__(self, document: Mapping[str, Any]) -> Sequence[Entry]:
        """Make the entry of the current state; the number of its tokens is told with the next change."""
        client = client_from(document)
        now = document["changed_at"]
        return [entry(_changed(replace(client, sequence=client.sequence - 1), 0, now), self._ids, client.hash, now)]


def _fault(failure: Failure, now: datetime) -> Fault:
    return Fault(failure.attempt_class, failure.code, failure.text, failure.cure_id, failure.cure, now)


def _changed(client: Client, users: int, now: datetime) -> ClientChanged:
    fault = client.fault
    return ClientChanged(
        client=client.hash,
        client_id=client.client_id,
        server=client.server,
        ok=fault is None,
        tokens=users,
        meaning=None if fault is None else fault.meaning,
        code=None if fault is None else fault.code,
        text="" if fault is None else fault.text,
        cure_id=None if fault is None else fault.cure_id,
        cure=None if fault is None else fault.cure,
        sequence=client.sequence + 1,
        changed_at=now,
    )
