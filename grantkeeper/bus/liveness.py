"""Whether Kafka still answers a consumer: a broker that answers a ping says nothing about a consumer that hangs."""

from datetime import datetime
from typing import Final

from aiokafka import AIOKafkaConsumer

SILENT_AFTER: Final = 30.0
"""Seconds without an answer to a fetch until a consumer counts as dead; Kafka answers at least twice a second."""


def silence(consumer: AIOKafkaConsumer, since: datetime, now: datetime) -> float:
    """Return the seconds since the oldest last answer among the consumer's partitions.

    A partition that was never answered for counts from `since`, the time at which it was assigned.
    """
    polls = [consumer.last_poll_timestamp(partition) for partition in consumer.assignment()]
    answers = [since.timestamp() if poll is None else poll / 1000 for poll in polls]
    return max(0.0, now.timestamp() - min(answers, default=now.timestamp()))
