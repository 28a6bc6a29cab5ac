"""What is given up and when: a mistake counts, an outage never. Time passes only while somebody waits."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from grantkeeper.bus.consume import MAX_POLL_INTERVAL
from grantkeeper.bus.delivery import BATCH_WITHIN, GIVE_UP_AFTER, InFlight, Instruments, deliver
from grantkeeper.bus.errors import NotHandled, Unavailable
from grantkeeper.bus.gate import Gate
from grantkeeper.bus.received import Received
from grantkeeper.process.clock import SYSTEM_IDS
from grantkeeper.process.failpoints import Failpoints
from grantkeeper.process.metrics import Metrics
from tests.clock import START

AWAY = Unavailable("MongoDB: away")
MISTAKE = KeyError("a mistake in a handler")


@pytest.fixture(autouse=True)
def _quietly() -> Iterator[None]:
    with capture_logs():  # printing the traces costs seconds
        yield


class Waiting:
    """A clock on which a sleep is over at once, and its time has passed."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return START

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds


class Letters:
    """Dead letters in a list."""

    def __init__(self) -> None:
        self.offsets: list[int] = []

    def pass_over(self, skipped: Sequence[Any]) -> None: ...

    async def put_many(self, buried: Sequence[Any]) -> None:
        self.offsets += [one.place.offset for one in buried]


class Batch:
    """Records whose handler fails as it is told."""

    def __init__(self, size: int) -> None:
        self.clock, self.letters, self.flight = Waiting(), Letters(), InFlight()
        letters: Any = self.letters
        self.gate: Gate[Received] = Gate("somewhere", self._decide, letters, None, self.clock)
        self.records = tuple(SimpleNamespace(topic="somewhere", partition=0, offset=n) for n in range(size))

    @staticmethod
    def _decide(record: Any, _: Any) -> Any:
        return SimpleNamespace(place=record)

    async def deliver(self, handler: Any) -> None:
        instruments = Instruments(self.clock, SYSTEM_IDS, Metrics("test"), Failpoints())
        message: Any = SimpleNamespace(raw_message=self.records)
        await deliver(message, self.gate, handler, self.flight, instruments)


async def test_an_outage_before_a_mistake_that_passes_costs_no_message() -> None:
    batch, meets, handled = Batch(1), [AWAY, AWAY, MISTAKE], 0

    async def handle(messages: list[Received]) -> None:
        nonlocal handled
        if meets:
            raise meets.pop(0)
        handled += len(messages)

    await batch.deliver(handle)
    assert (handled, batch.letters.offsets) == (1, [])


async def test_a_message_that_meets_three_mistakes_is_given_up_whatever_outage_lies_between_them() -> None:
    batch, meets = Batch(1), [MISTAKE, AWAY, MISTAKE, AWAY, MISTAKE]

    async def handle(_messages: list[Received]) -> None:
        raise meets.pop(0)

    await batch.deliver(handle)
    assert (meets, batch.letters.offsets) == ([], [0])


async def test_each_message_of_a_batch_has_its_own_time() -> None:
    batch = Batch(8)

    async def handle(_messages: list[Received]) -> None:
        batch.clock.passed += GIVE_UP_AFTER / 12
        raise MISTAKE

    await batch.deliver(handle)
    assert batch.clock.passed > GIVE_UP_AFTER
    assert batch.letters.offsets == list(range(8))


async def test_all_of_a_batch_together_keep_below_what_the_group_allows_between_two_polls() -> None:
    batch = Batch(8)

    async def handle(messages: list[Received]) -> None:
        batch.clock.passed += GIVE_UP_AFTER - 1
        if len(messages) > 1:
            raise MISTAKE
        raise AWAY

    with pytest.raises(NotHandled):
        await batch.deliver(handle)
    assert BATCH_WITHIN + GIVE_UP_AFTER <= MAX_POLL_INTERVAL
    assert batch.clock.passed < MAX_POLL_INTERVAL
