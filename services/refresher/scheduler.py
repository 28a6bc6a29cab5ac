"""Claims what is due and starts one attempt for each, the most urgent of each client first, within the client's share.

Woken at once by requests in this process; what others made due is found by polling. A provider that hangs keeps nobody
else from their share. A client's next grants are claimed while its slots are busy, so that one call ends and the next
begins without a round trip to the database between them.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from grantkeeper.bus.delivery import Instruments
from grantkeeper.bus.errors import Unavailable
from grantkeeper.process.logging import get_logger
from services.refresher.attempt import Attempts
from services.refresher.clients import Clients
from services.refresher.domain.record import Record
from services.refresher.domain.shares import DueGrants
from services.refresher.due_store import DueStore
from services.refresher.leases import LEASE_SECONDS
from services.refresher.slots import Slots
from services.refresher.store import GrantStore

log = get_logger(__name__)

POLL: Final = 0.25
"""Mean seconds between two looks for what other processes or time made due."""
RESTS: Final = 4
"""A look takes a look-up per client: with thousands of them it is followed by a rest so many times as long."""
LOOK_AT_CLIENTS: Final = 1.0
"""Seconds between two looks at the faults of clients."""
AHEAD: Final = 4
"""Claims per slot: one that calls, two whose results are being stored (they come in bursts), one that waits for the
slot; who waits too long gives its lease back unused."""
STOP_WITHIN: Final = 20.0
"""Seconds that a stop waits for running attempts: a call and the storing of its result; a third of what a process is
given to stop is left for its other parts."""


class Scheduler:
    """A part of the process (start, stop, problems)."""

    def __init__(
        self,
        store: GrantStore,
        due: DueStore,
        clients: Clients,
        attempts: Attempts,
        slots: Slots,
        instruments: Instruments,
        *,
        halted: Callable[[], object],
        unstored: Callable[[], Collection[str]],
    ) -> None:
        self._store = store
        self._due = due
        self._clients = clients
        self._attempts = attempts
        self._slots = slots
        self._clock, self._ids, self._metrics = instruments.clock, instruments.ids, instruments.metrics
        self._halted = halted
        self._unstored = unstored
        self._woken = asyncio.Event()
        self._running: dict[asyncio.Task[None], Record] = {}
        self._claimed: Counter[str] = Counter()
        self._loop: asyncio.Task[None] | None = None
        self._looked_at = -LOOK_AT_CLIENTS
        self._look_took = 0.0
        self._failing: str | None = None
        self._stopping = False

    async def start(self) -> None:
        """Begin to claim."""
        self._loop = asyncio.create_task(self._forever(), name="scheduler")

    async def stop(self) -> None:
        """Claim no more; let running attempts end, since their results may be the only copies of refresh tokens."""
        self._stopping = True
        self._woken.set()
        deadline = self._clock.monotonic() + STOP_WITHIN
        # Not cancelled in the middle of a claim: its leases would look like calls whose outcome is unknown.
        await self._end([] if self._loop is None else [self._loop], deadline)
        await self._end(list(self._running), deadline)

    async def _end(self, tasks: Sequence[asyncio.Task[None]], deadline: float) -> None:
        """Let tasks end, and cancel those that do not in time; each attempt among them is named."""
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=max(0.0, deadline - self._clock.monotonic()))
        for task in late:
            record = self._running.get(task)
            if record is not None:
                lost = record.config_id in self._unstored()
                log.error("attempt given up at the stop", config_id=record.config_id, result_lost=lost)
            task.cancel()
        if late:
            await asyncio.wait(late)

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
        rest = max(POLL * (0.5 + self._ids.random()), RESTS * self._look_took)
        try:
            async with asyncio.timeout(rest):
                await self._woken.wait()
        except TimeoutError:
            return

    def _room(self, client: str) -> int:
        return AHEAD * self._slots.limit(client) - self._claimed[client]

    def _is_full(self, client: str) -> bool:
        """Tell whether looking for more of a client can wait: claims are made in batches, not one by one."""
        return self._room(client) < max(1, self._slots.limit(client) // 2)

    async def _turn(self) -> bool:
        """Claim once; tells whether there may be more that fits."""
        self._woken.clear()
        if self._clock.monotonic() - self._looked_at >= LOOK_AT_CLIENTS:
            await self._clients.look()
            self._looked_at = self._clock.monotonic()
        if self._halted():
            return False
        due = await self._look()
        wanted = await self._choose(due)
        claimed_at = self._clock.monotonic()
        claimed = await self._store.claim(wanted) if wanted else []
        for record in claimed:
            self._spawn(record, claimed_at)
        found = sum(len(one.asked) + len(one.due) for one in due)
        self._metrics.set("grants_due", max(0, found - len(claimed)))
        return bool(claimed) and len(wanted) < found

    async def _look(self) -> list[DueGrants]:
        """Find what is due, and share the process among those who have something to do."""
        started = self._clock.monotonic()
        full = [client for client in self._claimed if self._is_full(client)]
        due = await self._due.due(AHEAD * self._slots.share, full)
        self._look_took = self._clock.monotonic() - started
        self._slots.share_among(len({one.client for one in due} | self._claimed.keys()))
        return due

    async def _choose(self, due: Sequence[DueGrants]) -> list[str]:
        wanted: list[str] = []
        for one in due:
            may = one if await self._may_try(one) else replace(one, due=())
            wanted += may.first(self._room(one.client))
        return wanted

    async def _may_try(self, one: DueGrants) -> bool:
        """Take the right to try a paused client: no longer than an attempt lasts, in case this process dies."""
        if not one.is_probe or not one.due or not await self._due.take_probe(one.client, LEASE_SECONDS):
            return not one.is_probe
        self._clients.probing(one.client, one.due[0])
        return True

    def _spawn(self, record: Record, claimed_at: float) -> None:
        task = asyncio.create_task(self._attempt(record, claimed_at), name=f"attempt {record.config_id}")
        self._running[task] = record
        self._claimed[record.client] += 1
        self._metrics.set("leases_held", len(self._running))
        task.add_done_callback(self._ended)

    async def _attempt(self, record: Record, claimed_at: float) -> None:
        try:
            await self._attempts.run(record, claimed_at)
            await self._clients.unproven(record)
        except Exception:
            # In an outage the lease expires by itself, and the next holder knows that an outcome is unknown.
            self._metrics.count("loop_failures", loop="attempt")
            log.exception("attempt broke off", config_id=record.config_id)

    def _ended(self, task: asyncio.Task[None]) -> None:
        client = self._running.pop(task).client
        self._claimed[client] -= 1
        if not self._claimed[client]:
            del self._claimed[client]
        self._metrics.set("leases_held", len(self._running))
        if not self._is_full(client):  # else the look would leave this client out
            self._woken.set()
