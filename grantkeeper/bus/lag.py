"""How far a service is behind on a topic, and how many processes of it read: asked of Kafka itself, nothing is kept.

The group's committed offsets are the truth: what lies behind them is done, what lies before them waits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code

from grantkeeper.bus.connection import aiokafka_arguments
from grantkeeper.bus.errors import Unavailable
from grantkeeper.process.settings import KafkaSettings
from schemas.topics import CONFIG_COMMANDS, CONFIG_EVENTS, EXPIRY_EVENTS, NOTIFICATION_COMMANDS, TOKEN_REQUESTS

SUBSCRIPTIONS: Final[Sequence[tuple[str, str]]] = (
    ("config_service", CONFIG_COMMANDS),
    ("refresher", CONFIG_EVENTS),
    ("refresher", TOKEN_REQUESTS),
    ("notifier", EXPIRY_EVENTS),
    ("notifier", NOTIFICATION_COMMANDS),
)
"""Which service reads which topic in a group (bus/consume.py)."""


@dataclass(frozen=True, slots=True)
class Lag:
    """One service on one topic."""

    service: str
    topic: str
    """Logical name."""
    waiting: int
    """Messages that are not done yet."""
    processes: int
    """Members of the group; 0 = nobody reads."""


async def read_lags(settings: KafkaSettings, service: str) -> list[Lag]:
    """Ask Kafka about every subscription of this house; raises Unavailable. `service` is who asks."""
    arguments = aiokafka_arguments(settings, service)
    admin, consumer = AIOKafkaAdminClient(**arguments), AIOKafkaConsumer(**arguments, group_id=None)
    try:
        await admin.start()
        await consumer.start()
        return [await _lag(settings, admin, consumer, *one) for one in SUBSCRIPTIONS]
    except KafkaError as error:
        raise Unavailable(f"Kafka: {type(error).__name__}: {error}") from error
    finally:
        await consumer.stop()
        await admin.close()


async def _lag(
    settings: KafkaSettings, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, service: str, topic: str
) -> Lag:
    real, group = settings.topic(topic), settings.topic(f"{service}.{topic}")
    there = await admin.describe_topics([real])
    partitions = [TopicPartition(real, one["partition"]) for found in there for one in found["partitions"]]
    begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    done = await admin.list_consumer_group_offsets(group)
    waiting = sum(max(0, ends[one] - _done(done, one, begins[one])) for one in partitions)
    return Lag(service, topic, waiting, await _members(admin, group))


def _done(done: Mapping[TopicPartition, Any], partition: TopicPartition, begin: int) -> int:
    """Return the offset up to which a group is done; what retention took away waits no longer."""
    committed = done.get(partition)
    return max(begin, committed.offset) if committed is not None else begin


async def _members(admin: AIOKafkaAdminClient, group: str) -> int:
    (answer,) = await admin.describe_consumer_groups([group])
    found = answer.groups[0]
    if found[0]:
        raise for_code(found[0])(group)
    return len(found[5])
