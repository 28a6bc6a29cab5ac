"""Offsets are committed beside the work on what comes next, one commit at a time, and never ahead of the effect."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError

from grantkeeper.bus.commits import Commits
from grantkeeper.bus.delivery import InFlight

HERE = TopicPartition("requests", 0)


class Consumer:
    """Takes commits, each of them only when it is let."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.let = asyncio.Semaphore(0)
        self.refusing = False

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.begun.append(offsets[HERE])
        await self.let.acquire()
        if self.refusing:
            raise CommitFailedError


@pytest.fixture
def flight() -> InFlight:
    return InFlight()


async def turns() -> None:
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_is_handled_while_a_commit_is_on_its_way_shares_the_next_one(flight: InFlight) -> None:
    consumer = Consumer()
    commits = Commits("requests", flight, lambda: consumer)
    for offset in (1, 2, 3):
        flight.handled[HERE] = offset
        await commits.commit()
        await turns()
    assert consumer.begun == [1]
    consumer.let.release()
    await turns()
    assert consumer.begun == [1, 3]
    consumer.let.release()
    await turns()
    assert consumer.begun == [1, 3]


async def test_the_last_commit_is_waited_for_where_partitions_are_about_to_leave(flight: InFlight) -> None:
    consumer = Consumer()
    commits = Commits("requests", flight, lambda: consumer)
    flight.handled[HERE] = 1
    await commits.commit()
    await turns()
    flight.leaving.set()
    flight.handled[HERE] = 2
    leaving = asyncio.create_task(commits.commit())
    await turns()
    assert not leaving.done()
    consumer.let.release()
    consumer.let.release()
    await leaving
    assert consumer.begun == [1, 2]


async def test_a_refused_commit_is_made_again_with_the_next_one(flight: InFlight) -> None:
    consumer = Consumer()
    commits = Commits("requests", flight, lambda: consumer)
    flight.handled[HERE] = 1
    consumer.refusing = True
    consumer.let.release()
    await commits.settle()
    consumer.refusing = False
    consumer.let.release()
    await commits.settle()
    assert consumer.begun == [1, 1]


async def test_nothing_is_committed_before_anything_was_handled(flight: InFlight) -> None:
    consumer = Consumer()
    await Commits("requests", flight, lambda: consumer).settle()
    assert consumer.begun == []
