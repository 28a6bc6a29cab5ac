"""The only two shapes in which this house consumes: `command` (one by one) and `stream` (batches).

Both: a group, from the earliest message, commit after success, no reply by header, every record decoded and checked by
the gate. A failing handler is tried again with backoff, then delivered anew, for ever: what it raises never loses a
message. Effects must therefore be idempotent. `tail.py` is the third way to read, which commits nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from faststream import AckPolicy
from faststream.kafka.message import KafkaMessage

from grantkeeper.bus.broker import Broker, Subscription
from grantkeeper.bus.delivery import InFlight, deliver
from grantkeeper.bus.errors import UnsafeSubscription
from grantkeeper.bus.gate import Gate
from grantkeeper.bus.handover import REBALANCE_TIMEOUT, Handover
from grantkeeper.bus.received import Received, ReceivedEvent

T = TypeVar("T", Received, ReceivedEvent)

MAX_POLL_INTERVAL: Final = 300.0
"""Seconds between two polls after which Kafka takes the partitions away; a handler gives up long before."""
MAX_RECORDS: Final = 500
POLL: Final = 0.5
"""Seconds of one wait for records: they end it when they come, a rebalance or a stop need not wait for it."""


def command(broker: Broker, gate: Gate[T], *, group: str, handler: Callable[[T], Awaitable[None]]) -> Subscription:
    """Subscribe to the gate's topic, one message at a time, committed one by one.

    `group` is the service's name. The real group is prefix + group + topic: one per subscription, so that a member that
    joins or leaves one of them does not stop the others.
    """

    async def handle(messages: Sequence[T]) -> None:
        await handler(messages[0])

    return _subscribe(broker, gate, group, handle, parser=_parse_record)


def stream(broker: Broker, gate: Gate[T], *, group: str, handler: Callable[[list[T]], Awaitable[None]]) -> Subscription:
    """Subscribe to the gate's topic in batches of at most MAX_RECORDS from all owned partitions, committed together.

    Within a partition the order is kept. `group` as in `command`.
    """
    subscription = _subscribe(broker, gate, group, handler, parser=_parse_batch, batch=True)
    # FastStream's own would sleep after an empty poll, and who asks just then would wait for its end.
    subscription.subscriber.get_msg = _poll
    return subscription


def _subscribe(
    broker: Broker, gate: Gate[T], group: str, handler: Callable[[list[T]], Awaitable[None]], **shape: Any
) -> Subscription:
    if not group:
        raise UnsafeSubscription(f"{gate.topic}: name the group, else nothing is ever committed")
    settings = broker.settings
    flight = InFlight()
    handover = Handover(gate.topic, flight, lambda: subscriber.consumer, broker.instruments.clock)
    subscriber: Any = broker.kafka.subscriber(
        settings.topic(gate.topic),
        group_id=settings.topic(f"{group}.{gate.topic}"),
        group_instance_id=_instance(settings.group_instance_id, gate.topic),
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
        decoder=_as_it_is,
        no_reply=True,
        listener=handover,
        session_timeout_ms=int(settings.session_timeout * 1000),
        heartbeat_interval_ms=int(settings.session_timeout * 1000 / 3),
        rebalance_timeout_ms=int(REBALANCE_TIMEOUT * 1000),
        max_poll_interval_ms=int(MAX_POLL_INTERVAL * 1000),
        **shape,
    )

    async def take(message: KafkaMessage) -> None:
        await deliver(message, gate, handler, flight, broker.instruments)

    subscriber(take)
    subscription = Subscription(gate.topic, subscriber, flight, handover)
    broker.subscriptions.append(subscription)
    return subscription


def _instance(name: str | None, topic: str) -> str | None:
    # Each subscription is a member of its own.
    return None if name is None else f"{name}.{topic}"


async def _poll(consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord, ...]:
    """Return the next batch as soon as there is one; nothing after POLL seconds without any."""
    batches = await consumer.getmany(timeout_ms=int(POLL * 1000), max_records=MAX_RECORDS)
    return tuple(chain.from_iterable(batches.values()))


async def _parse_record(record: ConsumerRecord, parse: Callable[[Any], Awaitable[Any]]) -> Any:
    """Let FastStream see no headers: one that is null or not UTF-8 breaks its parser, and the message would be lost."""
    message = await parse(replace(record, headers=()))
    message.raw_message = record
    return message


async def _parse_batch(records: tuple[ConsumerRecord, ...], parse: Callable[[Any], Awaitable[Any]]) -> Any:
    """As `_parse_record`; one record is enough for FastStream, the commit goes by the consumer's positions."""
    message = await parse((replace(records[0], headers=()),))
    message.raw_message = records
    return message


async def _as_it_is(message: KafkaMessage) -> KafkaMessage:
    """Hand the message itself to the handler: the gate decodes."""
    return message
