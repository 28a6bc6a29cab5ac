"""Requests about the engine as a whole: its numbers and its clients, the stop switch.

The numbers take a walk through an index of all grants: everybody who looks at the same time gets the same ones.
"""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from grantkeeper.bus.received import Received
from grantkeeper.bus.reply import success
from grantkeeper.process.clock import Clock
from schemas.replies import Reply
from schemas.token_requests import EngineClient, EngineResume, EngineStatus, EngineStatusGet, EngineStop
from services.refresher.engine import EngineSwitch
from services.refresher.engine_store import EngineStore, Numbers, UsedClient
from services.refresher.leases import LEASE_SECONDS
from services.refresher.reencryption import Reencryption
from services.refresher.store import GrantStore

EngineRequest = EngineStatusGet | EngineStop | EngineResume
CLIENTS_MAX = 200
"""Clients in one answer, troubled ones first: more than an admin reads, and far below a record's limit."""

KEPT: Final = 3.0
"""Seconds for which numbers are good: less than between two looks of one page."""
RESTS: Final = 10
"""And so many times as long as it took to count them."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Numbers as they were a moment ago."""

    at: datetime
    numbers: Numbers
    clients: tuple[UsedClient, ...]


class EngineRequests:
    """Answers them; a stop or resume that comes twice acts once."""

    def __init__(
        self, store: EngineStore, switch: EngineSwitch, grants: GrantStore, reencryption: Reencryption, clock: Clock
    ) -> None:
        self._store = store
        self._switch = switch
        self._time = grants.time
        self._reencryption = reencryption
        self._clock = clock
        self._counting = asyncio.Lock()
        self._known: Counted | None = None
        self._good_until = 0.0

    async def answer(self, received: Received, message: EngineRequest) -> Reply:
        """Carry it out, then say how things are."""
        match message:
            case EngineStop():
                await self._switch.stop_all(received.actor, received.envelope.id)
            case EngineResume():
                await self._switch.resume_all(received.actor, received.envelope.id)
            case EngineStatusGet():
                pass
        return success((await self._status()).model_dump(mode="json", exclude_none=True))

    async def _status(self) -> EngineStatus:
        known = await self._counted()
        numbers = known.numbers
        engine, counted = self._switch.current, self._reencryption.counted
        waits = 0.0 if numbers.first_due is None else (known.at - numbers.first_due).total_seconds()
        return EngineStatus(
            stopped=engine.stopped_at is not None,
            stopped_by=engine.stopped_by,
            stopped_at=engine.stopped_at,
            held=self._switch.held,
            due_now=numbers.due_now,
            overdue_seconds=max(0.0, waits),
            in_flight=numbers.in_flight,
            clients=tuple(_client(one) for one in known.clients),
            keys=self._reencryption.uses(),
            keys_counted_at=None if counted is None else counted.at,
        )

    async def _counted(self) -> Counted:
        async with self._counting:
            started = self._clock.monotonic()
            if self._known is None or started >= self._good_until:
                numbers, clients = await self._store.numbers(LEASE_SECONDS), await self._store.clients(CLIENTS_MAX)
                self._known = Counted(self._time.now(), numbers, tuple(clients))
                ended = self._clock.monotonic()
                self._good_until = ended + max(KEPT, RESTS * (ended - started))
            return self._known


def _client(used: UsedClient) -> EngineClient:
    client = used.client
    fault = client.fault
    return EngineClient(
        client=client.hash,
        client_id=client.client_id,
        server=client.server,
        tokens=used.tokens,
        fault=None if fault is None else fault.meaning,
        code=None if fault is None else fault.code,
        text="" if fault is None else fault.text,
        cure_id=None if fault is None else fault.cure_id,
        cure=None if fault is None else fault.cure,
        held_until=client.held_until,
        breaker_until=client.probe_at if client.openings else None,
        candidate_secret=len(client.secrets) > 1 and not client.secrets[0].proven,
        secret_ends_at=None if used.secret_ends is None else date.fromisoformat(used.secret_ends),
    )
