"""Whether Kafka still answers a consumer: a broker that answers a ping says nothing about a consumer that hangs."""

from datetime import datetime
from typing import Final

from aiokafka import AIOKafkaConsumer

SILENT_AFTER: Final = 30.0
"""Seconds without an answer to a fetch until a consumer counts as dead; Kafka answers at least twice a second."""


def silence(consumer: AIOKafkaConsumer, now: datetime) -> float:
    """Return the seconds since the oldest last answer among the consumer's partitions; 0 before the first answer."""
    polls = [consumer.last_poll_timestamp(partition) for partition in consumer.assignment()]
    seconds = now.timestamp()
    return max(0.0, seconds - min((poll / 1000 for poll in polls if poll is not None), default=seconds))
