"""Offsets of a stream move after the effect, beside the work on what comes next: who asks just then need not wait.

One commit at a time, of what is handled by then: while it is on its way, later batches share the next one. Before
partitions leave, and while the process stops, it is waited for.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from grantkeeper.bus.delivery import InFlight
from grantkeeper.process.logging import get_logger

log = get_logger(__name__)


WITHIN: Final = 10.0
"""Seconds that a stop waits for the last commit: while Kafka is away, aiokafka would try for ever."""


class Commits:
    """Commits for one subscription; stands where FastStream's messages expect their consumer."""

    def __init__(self, topic: str, flight: InFlight, consumer: Callable[[], AIOKafkaConsumer | None]) -> None:
        self._topic = topic
        self._flight = flight
        self._consumer = consumer
        self._one_at_a_time = asyncio.Lock()
        self._due = False
        self._running: asyncio.Task[None] | None = None

    async def commit(self) -> None:
        """Have all that is handled committed soon; return only when it is where partitions are about to leave."""
        self._due = True
        if self._flight.leaving.is_set():
            await self.settle()
        elif self._running is None or self._running.done():
            self._running = asyncio.create_task(self.settle(), name=f"commits {self._topic}")

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go back to what was not handled."""
        if (consumer := self._consumer()) is not None:
            consumer.seek(partition, offset)

    async def settle(self) -> None:
        """Return when all that is handled is committed, or was refused."""
        self._due = True
        async with self._one_at_a_time:
            while self._due:
                self._due = False
                await self._commit(dict(self._flight.handled))

    async def stop(self) -> None:
        """Commit the last; gives up on it when Kafka stays away."""
        try:
            async with asyncio.timeout(WITHIN):
                await self.settle()
        except TimeoutError:
            log.warning("last commit given up, its messages will come again", topic=self._topic)
        if self._running is not None:
            self._running.cancel()

    async def _commit(self, offsets: dict[TopicPartition, int]) -> None:
        consumer = self._consumer()
        if consumer is None or not offsets:
            return
        try:
            await consumer.commit(offsets)
        except KafkaError as error:
            # The group has gone on without this member: the records come again elsewhere, effects are idempotent.
            log.warning("commit failed", topic=self._topic, error=type(error).__name__)
