"""Partitions leave only after the running work has ended and was committed: the next owner repeats nothing.

Kafka asks before it moves partitions; the members of a group wait for the slowest answer, at most REBALANCE_TIMEOUT.
"""

from datetime import datetime
from typing import Final

from aiokafka import ConsumerRebalanceListener, TopicPartition

from grantkeeper.bus.commits import Commits
from grantkeeper.bus.delivery import InFlight
from grantkeeper.process.clock import Clock
from grantkeeper.process.logging import get_logger

log = get_logger(__name__)

REBALANCE_TIMEOUT: Final = 60.0
"""Seconds that the group waits for a handler to end; aiokafka's default is the session timeout, too short for one."""


class Handover(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """The rebalance listener of one subscription."""

    def __init__(self, topic: str, flight: InFlight, commits: Commits, clock: Clock) -> None:
        self._topic = topic
        self._flight = flight
        self._commits = commits
        self._clock = clock
        self.assigned: frozenset[TopicPartition] = frozenset()
        self.assigned_at: datetime | None = None
        """Time of the assignment; None while there is none: before the first, and while the group rebalances."""

    async def on_partitions_revoked(self, _revoked: set[TopicPartition]) -> None:
        """Stop trying, let the running work end, commit it."""
        self.assigned_at = None
        self._flight.leaving.set()
        await self._flight.idle.wait()
        await self._commits.settle()
        self._flight.handled.clear()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Begin with the new partitions."""
        self.assigned = frozenset(assigned)
        self.assigned_at = self._clock.now()
        self._flight.leaving.clear()
        log.info("partitions assigned", topic=self._topic, partitions=sorted(one.partition for one in assigned))
