"""Partitions leave only after the running work has ended and was committed: the next owner repeats nothing.

Kafka asks before it moves partitions; the members of a group wait for the slowest answer, at most REBALANCE_TIMEOUT.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from grantkeeper.bus.delivery import InFlight
from grantkeeper.process.clock import Clock
from grantkeeper.process.logging import get_logger

log = get_logger(__name__)

REBALANCE_TIMEOUT: Final = 60.0
"""Seconds that the group waits for a handler to end; aiokafka's default is the session timeout, too short for one."""


class Handover(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """The rebalance listener of one subscription."""

    def __init__(
        self, topic: str, flight: InFlight, consumer: Callable[[], AIOKafkaConsumer | None], clock: Clock
    ) -> None:
        self._topic = topic
        self._flight = flight
        self._consumer = consumer
        self._clock = clock
        self.assigned: frozenset[TopicPartition] = frozenset()
        self.assigned_at: datetime | None = None
        """Time of the assignment; None while there is none: before the first, and while the group rebalances."""

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Stop trying, let the running work end, commit it."""
        self.assigned_at = None
        self._flight.leaving.set()
        await self._flight.idle.wait()
        await self._commit({partition: at for partition, at in self._flight.handled.items() if partition in revoked})
        self._flight.handled.clear()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Begin with the new partitions."""
        self.assigned = frozenset(assigned)
        self.assigned_at = self._clock.now()
        self._flight.leaving.clear()
        log.info("partitions assigned", topic=self._topic, partitions=sorted(one.partition for one in assigned))

    async def _commit(self, offsets: dict[TopicPartition, int]) -> None:
        consumer = self._consumer()
        if consumer is None or not offsets:
            return
        try:
            await consumer.commit(offsets)
        except KafkaError as error:
            # The group has gone on without this member: the records come again elsewhere, effects are idempotent.
            log.warning("commit before handing over failed", topic=self._topic, error=type(error).__name__)
