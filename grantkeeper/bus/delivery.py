"""One subscription at work: admit, handle, try again. FastStream commits when this returned, and seeks back when not.

An outage is waited for. A mistake in a handler is not: the message that meets it is found by halving its batch, and
given up after a few tries; its neighbours go on.

FastStream neither pauses between two tries of a failed message nor lets a running handler end before its partitions
move to another member: the pause is here, the handing over in handover.py, both over the same `InFlight`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final, TypeVar

from aiokafka import TopicPartition
from faststream.kafka.message import KafkaMessage

from grantkeeper.bus.backoff import backoff
from grantkeeper.bus.errors import NotHandled, Unavailable
from grantkeeper.bus.gate import Gate
from grantkeeper.bus.messages import Record
from grantkeeper.bus.received import Received, ReceivedEvent
from grantkeeper.process.clock import Clock, Ids
from grantkeeper.process.failpoints import Failpoints
from grantkeeper.process.logging import get_logger
from grantkeeper.process.metrics import Metrics

log = get_logger(__name__)

GIVE_UP_AFTER: Final = 60.0
"""Seconds of tries of the same messages before the records are read anew."""
BATCH_WITHIN: Final = 240.0
"""Seconds of tries of all records of a batch, below max.poll.interval (300 s) that would cost the group: hundreds that
meet a mistake are each given up within them, and not all of them anew."""

MISTAKES: Final = 3
"""Tries of a message that meets a mistake in a handler: a passing one passes, a lasting one holds up its neighbours for
a fraction of a second."""
MOST_GIVEN_UP: Final = 20
"""Events given up in a row: then the mistake is in the service, not in them, and its topic is not emptied into the dead
letters. Requests have no such bound: each is answered, and nobody shall be able to hold up the others."""

T = TypeVar("T", Received, ReceivedEvent)
R = TypeVar("R")


@dataclass(slots=True)
class InFlight:
    """What a subscription works on right now, and how far it has come since its partitions were assigned."""

    idle: asyncio.Event = field(default_factory=asyncio.Event)
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while partitions are to be handed over or the process stops: no more tries."""
    handled: dict[TopicPartition, int] = field(default_factory=dict)
    """Offset after the last handled record of each partition."""
    failing: str | None = None
    """Why the current try is not the first one."""
    since: float = 0.0
    """Monotonic start of the current work."""
    given_up: int = 0
    """Messages given up since the last one that was handled."""

    def __post_init__(self) -> None:
        self.idle.set()


@dataclass(frozen=True, slots=True)
class Instruments:
    """What a subscription measures and waits with."""

    clock: Clock
    ids: Ids
    metrics: Metrics
    failpoints: Failpoints


async def deliver(
    message: KafkaMessage,
    gate: Gate[T],
    handler: Callable[[list[T]], Awaitable[None]],
    flight: InFlight,
    instruments: Instruments,
) -> None:
    """Take the records of one FastStream message to their end; raises NotHandled where that end was not reached."""
    raw = message.raw_message
    records: Sequence[Record] = raw if isinstance(raw, tuple) else (raw,)
    flight.idle.clear()
    flight.since = instruments.clock.monotonic()
    try:
        admitted = await _until_done(lambda: gate.admit(records), gate.topic, flight, instruments)
        if admitted:
            await _hand_over(admitted, gate, handler, flight, instruments)
        await instruments.failpoints.reach("bus.handled")
        last = {record.partition: record for record in records}
        flight.handled |= {TopicPartition(one.topic, one.partition): one.offset + 1 for one in last.values()}
        instruments.metrics.count("messages_consumed", len(records), topic=gate.topic)
        instruments.metrics.observe("handling_seconds", instruments.clock.monotonic() - flight.since, topic=gate.topic)
    finally:
        flight.idle.set()


async def _hand_over(
    messages: list[T],
    gate: Gate[T],
    handler: Callable[[list[T]], Awaitable[None]],
    flight: InFlight,
    instruments: Instruments,
) -> None:
    """Have messages handled, in their order; one that meets a mistake is given up when it stands alone."""
    tries = _tries(messages, gate, flight)
    try:
        await _until_done(lambda: handler(messages), gate.topic, flight, instruments, tries)
    except NotHandled:
        raise
    except Exception as error:  # noqa: BLE001 - reported there; given up below, or taken apart
        await _take_apart(messages, error, gate, handler, flight, instruments)
    else:
        flight.given_up = 0


async def _take_apart(
    messages: list[T],
    error: Exception,
    gate: Gate[T],
    handler: Callable[[list[T]], Awaitable[None]],
    flight: InFlight,
    instruments: Instruments,
) -> None:
    if len(messages) == 1:
        await _until_done(lambda: gate.give_up(messages[0], error), gate.topic, flight, instruments)
        flight.given_up += 1
        return
    middle = len(messages) // 2
    for half in (messages[:middle], messages[middle:]):
        await _hand_over(half, gate, handler, flight, instruments)


def _tries(messages: list[T], gate: Gate[T], flight: InFlight) -> float:
    """Return how often a mistake is tried again: in company not at all, since the others would be held up."""
    if len(messages) > 1:
        return 1
    return MISTAKES if gate.answers or flight.given_up < MOST_GIVEN_UP else inf


async def _until_done(
    work: Callable[[], Awaitable[R]], topic: str, flight: InFlight, instruments: Instruments, mistakes: float = inf
) -> R:
    """Repeat `work` with backoff; a mistake passes after so many tries.

    An outage before a mistake does not count. Raises NotHandled after GIVE_UP_AFTER, or at once when partitions are to
    leave.
    """
    attempt, met = 0, 0
    last = min(instruments.clock.monotonic() + GIVE_UP_AFTER, flight.since + BATCH_WITHIN)
    while True:
        try:
            result = await work()
        except Exception as error:
            met += not isinstance(error, Unavailable)
            _report(error, topic, attempt, flight, instruments, traced=met == 1 and mistakes > 1)
            if met >= mistakes and not isinstance(error, Unavailable):
                raise
        else:
            flight.failing = None
            return result
        pause = backoff(attempt, instruments.ids.random())
        if flight.leaving.is_set() or instruments.clock.monotonic() + pause > last:
            raise NotHandled(f"{topic}: not handled, will be delivered again") from None
        await _pause(pause, flight, instruments.clock)
        attempt += 1


def _report(
    error: Exception, topic: str, attempt: int, flight: InFlight, instruments: Instruments, *, traced: bool
) -> None:
    """Log a failed try; the trace of a mistake once, where its message stands alone."""
    flight.failing = type(error).__name__
    instruments.metrics.count("deliveries_retried", topic=topic)
    if isinstance(error, Unavailable):
        log.warning("infrastructure is away, will be tried again", topic=topic, attempt=attempt, error=str(error))
    else:
        log.error(
            "handler failed", topic=topic, attempt=attempt, error=flight.failing, exc_info=error if traced else None
        )


async def _pause(seconds: float, flight: InFlight, clock: Clock) -> None:
    """Wait, but no longer than until partitions are to leave."""
    waits = [asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(flight.leaving.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
