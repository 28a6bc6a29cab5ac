"""From the outboxes in MongoDB to Kafka: at once from memory, by a sweeper what a crash or an outage left behind.

An event that can never be published is a mistake of ours: it is set aside, and its neighbours go on. The state that it
told is in its document, and goes out with the next change. A process may find that the database belongs to another bus:
then all is left to the sweepers there.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any, Final, Protocol

from grantkeeper.bus.errors import BusError, Unavailable, Unconfirmed
from grantkeeper.bus.publish import Publisher
from grantkeeper.mongo.outbox import Entry, Pending
from grantkeeper.process.clock import Clock
from grantkeeper.process.failpoints import Failpoints
from grantkeeper.process.logging import get_logger
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.run import Loop
from grantkeeper_client import Envelope

log = get_logger(__name__)

LEFT_BEHIND: Final = timedelta(seconds=2)
"""Age from which entries are the sweeper's: whoever wrote them has published long before, if it lives."""
SWEEP_EVERY: Final = 1.0


class Outbox(Protocol):
    """Where the entries are; see grantkeeper.mongo.outbox."""

    @property
    def name(self) -> str: ...
    async def older_than(self, age: timedelta, now: datetime) -> list[Pending]:
        """Return what waits since before `now - age`."""
        ...

    async def clear(self, published: Sequence[Pending]) -> list[Pending]:
        """Forget what was published; return the current state of documents that have changed since."""
        ...


class OutboxRelay:
    """Publishes the outboxes of one collection; a part of the process (start, stop, problems).

    `now` is the clock that the entries were written by, where that is not the machine's.
    """

    def __init__(
        self,
        outbox: Outbox,
        publisher: Publisher,
        *,
        clock: Clock,
        metrics: Metrics,
        failpoints: Failpoints | None = None,
        is_held: Callable[[], bool] = lambda: False,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._now = now or clock.now
        self._metrics = metrics
        self._failpoints = failpoints or Failpoints()
        self._is_held = is_held
        self._published: list[Pending] = []
        self._clearing: asyncio.Task[None] | None = None
        self._late: set[asyncio.Task[None]] = set()
        self._sweeper = Loop(f"sweep {outbox.name}", self._sweep, clock=clock, metrics=metrics)

    async def start(self) -> None:
        """Begin to sweep."""
        await self._sweeper.start()

    async def stop(self) -> None:
        """Stop sweeping; clear what was published."""
        await self._sweeper.stop()
        for watch in self._late:
            watch.cancel()
        if self._clearing is not None:
            await asyncio.wait([self._clearing])

    def problems(self) -> list[str]:
        """Say whether the sweeper works."""
        return self._sweeper.problems()

    async def publish_now(self, written: Sequence[Pending]) -> None:
        """Publish what was just stored, from memory, and have it cleared in bulk with whatever else is due.

        Never fails for an outage: the entries are stored, and the sweeper publishes them when Kafka is back.
        """
        await self._failpoints.reach("outbox.stored")
        if self._is_held():
            return
        try:
            await self._publish(written)
        except Unavailable as error:
            log.warning("stored, will be published later", collection=self._outbox.name, error=str(error))
            return
        await self._failpoints.reach("outbox.published")
        self._published += written
        self._clear_soon()

    def _clear_soon(self) -> None:
        if self._clearing is None or self._clearing.done():
            self._clearing = asyncio.create_task(self._clear_all(), name=f"clear {self._outbox.name}")

    async def _clear_all(self) -> None:
        """Clear, round by round, all that was published while the round before was under way."""
        while self._published:
            published, self._published = self._published, []
            try:
                await self._settle(published)
            except Unavailable as error:
                log.warning("published, will be cleared later", collection=self._outbox.name, error=str(error))
                return

    async def _settle(self, published: Sequence[Pending]) -> None:
        while changed := await self._outbox.clear(published):
            await self._publish(changed)
            published = changed

    async def _sweep(self) -> float:
        if self._is_held():
            return SWEEP_EVERY
        left = await self._outbox.older_than(LEFT_BEHIND, self._now())
        if left:
            log.warning("publishing what was left behind", collection=self._outbox.name, documents=len(left))
            await self._publish(left)
            await self._settle(left)
            self._metrics.count("outbox_swept", len(left), collection=self._outbox.name)
        return 0.0 if left else SWEEP_EVERY

    async def _publish(self, pending: Sequence[Pending]) -> None:
        try:
            await self._publish_together(pending)
        except BusError:
            for entry in chain.from_iterable(one.entries for one in pending):
                await self._publish_alone(entry)

    async def _publish_alone(self, entry: Entry) -> None:
        try:
            await self._publisher.publish_many([self._envelope(entry)])
        except BusError as error:
            self._metrics.count("events_set_aside", collection=self._outbox.name)
            log.error(  # noqa: TRY400 - no trace: the words say it
                "event set aside", collection=self._outbox.name, key=entry.key, type=entry.type, error=str(error)
            )

    async def _publish_together(self, pending: Sequence[Pending]) -> None:
        try:
            await self._publisher.publish_many([self._envelope(entry) for one in pending for entry in one.entries])
        except Unconfirmed as error:
            watch = asyncio.create_task(self._clear_late(pending, error.arrivals), name=f"late {self._outbox.name}")
            self._late.add(watch)
            watch.add_done_callback(self._late.discard)
            raise

    async def _clear_late(self, pending: Sequence[Pending], arrivals: Sequence[asyncio.Future[Any]]) -> None:
        """Clear what arrived after it was given up: a newer state, published meanwhile, is published once more."""
        if arrivals:
            await asyncio.wait(arrivals)
        coming = iter(arrivals)
        for one in pending:
            its = list(islice(coming, len(one.entries)))
            if len(its) == len(one.entries) and all(map(_has_arrived, its)):
                self._published.append(one)
        self._clear_soon()

    def _envelope(self, entry: Entry) -> Envelope:
        return Envelope(
            topic=self._publisher.topic(entry.topic),
            key=None if entry.key is None else entry.key.encode(),
            id=entry.id,
            type=entry.type,
            source=self._publisher.source,
            time=entry.time,
            value=None if entry.value is None else entry.value.encode(),
            subject=entry.subject,
        )


def _has_arrived(arrival: asyncio.Future[Any]) -> bool:
    return not arrival.cancelled() and arrival.exception() is None
