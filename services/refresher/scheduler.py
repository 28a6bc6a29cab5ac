"""Claims what is due and starts one attempt for each, within the slots of each client and of the process.

Woken at once by requests in this process; what others made due is found by polling. A provider that hangs holds only
the slots of its own client, and who has the fewest in flight comes first. A client's next grants are claimed while its
slots are busy, so that one call ends and the next begins without a round trip to the database between them.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

from grantkeeper.bus.errors import Unavailable
from grantkeeper.process.clock import Clock, Ids
from grantkeeper.process.logging import get_logger
from grantkeeper.process.metrics import Metrics
from services.refresher.attempt import Attempts
from services.refresher.client_store import ClientStore, DueGrant
from services.refresher.clients import PROBE_EVERY, Clients
from services.refresher.domain.record import Record
from services.refresher.settings import AttemptSettings
from services.refresher.store import GrantStore

log = get_logger(__name__)

POLL: Final = 0.25
"""Mean seconds between two looks for what other processes or time made due: each examines one document per client."""
LOOK_AT_CLIENTS: Final = 1.0
"""Seconds between two looks at the faults of clients."""
AHEAD: Final = 3
"""Claims per slot: one that calls, one whose result is being stored, one that waits for the slot; who waits too long
gives its lease back unused."""
STOP_WITHIN: Final = 20.0
"""Seconds that a stop waits for running attempts: a call and the storing of its result."""


class Scheduler:
    """A part of the process (start, stop, problems)."""

    def __init__(
        self,
        store: GrantStore,
        client_store: ClientStore,
        clients: Clients,
        attempts: Attempts,
        settings: AttemptSettings,
        *,
        clock: Clock,
        ids: Ids,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._client_store = client_store
        self._clients = clients
        self._attempts = attempts
        self._settings = settings
        self._most = settings.max_per_client * AHEAD
        self._clock = clock
        self._ids = ids
        self._metrics = metrics
        self._woken = asyncio.Event()
        self._running: dict[asyncio.Task[None], str] = {}
        self._claimed: Counter[str] = Counter()
        self._loop: asyncio.Task[None] | None = None
        self._looked_at = -LOOK_AT_CLIENTS
        self._failing: str | None = None
        self._stopping = False

    async def start(self) -> None:
        """Begin to claim."""
        self._loop = asyncio.create_task(self._forever(), name="scheduler")

    async def stop(self) -> None:
        """Claim no more; let running attempts end, since their results may be the only copies of refresh tokens."""
        self._stopping = True
        self._woken.set()
        # Not cancelled in the middle of a claim: its leases would look like calls whose outcome is unknown.
        await _end([] if self._loop is None else [self._loop])
        await _end(list(self._running))

    def problems(self) -> list[str]:
        """Say whether it claims."""
        if self._loop is None or self._loop.done():
            return ["scheduler does not run"]
        return [] if self._failing is None else [f"scheduler: {self._failing}"]

    def wake(self) -> None:
        """Look at once: something was just made due."""
        self._woken.set()

    async def _forever(self) -> None:
        while not self._stopping:
            try:
                more = await self._turn()
                self._failing = None
            except Unavailable as error:
                self._failing, more = str(error), False
            except Exception:
                # A mistake here must not end all refreshing.
                self._metrics.count("loop_failures", loop="scheduler")
                log.exception("turn failed, will be tried again")
                self._failing, more = "a turn failed, see the log", False
            if not more:
                await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POLL * (0.5 + self._ids.random())):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _turn(self) -> bool:
        """Claim once; tells whether there may be more that fits."""
        self._woken.clear()
        if self._clock.monotonic() - self._looked_at >= LOOK_AT_CLIENTS:
            await self._clients.look()
            self._looked_at = self._clock.monotonic()
        free = self._settings.max_in_flight - len(self._running)
        if free <= 0:
            return False
        due = await self._client_store.due(self._most)
        chosen = await self._choose(due, free)
        claimed_at = self._clock.monotonic()
        claimed = await self._store.claim([grant.config_id for grant in chosen]) if chosen else []
        for record in claimed:
            self._spawn(record, claimed_at)
        self._metrics.set("grants_due", max(0, len(due) - len(claimed)))
        return bool(claimed) and len(chosen) < len(due)

    async def _choose(self, due: Sequence[DueGrant], free: int) -> list[DueGrant]:
        taken: Counter[str] = Counter(self._claimed)
        chosen: dict[str, DueGrant] = {}
        for grant in sorted(due, key=lambda grant: self._claimed[grant.client]):
            if len(chosen) >= free:
                break
            if taken[grant.client] >= self._most or not await self._may_probe(grant):
                continue
            if grant.config_id not in chosen:
                taken[grant.client] += 1
                chosen[grant.config_id] = grant
        return list(chosen.values())

    async def _may_probe(self, grant: DueGrant) -> bool:
        return not grant.is_probe or await self._client_store.postpone_probe(grant.client, PROBE_EVERY.total_seconds())

    def _spawn(self, record: Record, claimed_at: float) -> None:
        task = asyncio.create_task(self._attempt(record, claimed_at), name=f"attempt {record.config_id}")
        self._running[task] = record.client
        self._claimed[record.client] += 1
        self._metrics.set("leases_held", len(self._running))
        task.add_done_callback(self._ended)

    async def _attempt(self, record: Record, claimed_at: float) -> None:
        try:
            await self._attempts.run(record, claimed_at)
        except Exception:
            # The lease expires by itself, and the next holder knows that an outcome is unknown.
            self._metrics.count("loop_failures", loop="attempt")
            log.exception("attempt broke off", config_id=record.config_id)

    def _ended(self, task: asyncio.Task[None]) -> None:
        client = self._running.pop(task)
        self._claimed[client] -= 1
        if not self._claimed[client]:
            del self._claimed[client]
        self._metrics.set("leases_held", len(self._running))
        self._woken.set()


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Let tasks end, and cancel those that do not in time."""
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=STOP_WITHIN)
        for task in late:
            task.cancel()
