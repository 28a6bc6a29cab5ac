"""FastStream's broker as this installation uses it, and the liveness of its consumers.

It only consumes: what a process sends goes through publish.py. Subscribers are declared by consume.py alone; at start
each one is checked, and one that could lose messages keeps the process from starting.
"""

import logging
from datetime import datetime
from typing import Any, Final, cast

from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from grantkeeper.bus.connection import ssl_context, until_connected
from grantkeeper.bus.delivery import InFlight, Instruments
from grantkeeper.bus.errors import UnsafeSubscription
from grantkeeper.bus.handover import Handover
from grantkeeper.bus.liveness import SILENT_AFTER, silence
from grantkeeper.process.clock import Clock, Ids
from grantkeeper.process.failpoints import Failpoints
from grantkeeper.process.logging import get_logger
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.settings import KafkaSettings

log = get_logger(__name__)

GRACEFUL_TIMEOUT: Final = 30.0
"""Seconds that a stop waits for running handlers; a handler past it is cancelled and its messages come again."""


class Subscription:
    """One declared subscriber with the state that tells whether it lives."""

    def __init__(self, topic: str, subscriber: Any, flight: InFlight, handover: Handover) -> None:
        self.topic = topic
        self.subscriber = subscriber
        self.flight = flight
        self.handover = handover

    def problems(self, clock: Clock) -> list[str]:
        """Say what is wrong with it, in words."""
        consumer = self.subscriber.consumer
        if consumer is None or not self.subscriber.tasks:
            return [f"{self.topic}: consumer has not started"]
        if all(task.done() for task in self.subscriber.tasks):
            return [f"{self.topic}: consumer task has ended"]
        if self.handover.assigned_at is None:
            return [f"{self.topic}: no partitions assigned yet"]
        if not self.flight.idle.is_set():
            return self._busy(clock)
        return self._silent(consumer, self.handover.assigned_at, clock)

    def _busy(self, clock: Clock) -> list[str]:
        busy = clock.monotonic() - self.flight.since
        if self.flight.failing is not None:
            return [f"{self.topic}: handler fails since {busy:.0f} s ({self.flight.failing})"]
        return [f"{self.topic}: handler runs since {busy:.0f} s"] if busy > SILENT_AFTER else []

    def _silent(self, consumer: Any, since: datetime, clock: Clock) -> list[str]:
        seconds = silence(consumer, since, clock.now())
        return [f"{self.topic}: no answer from Kafka for {seconds:.0f} s"] if seconds > SILENT_AFTER else []


class Broker:
    """The consumers of a process; a part of it (start, stop, problems)."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        service: str,
        clock: Clock,
        ids: Ids,
        metrics: Metrics,
        failpoints: Failpoints | None = None,
    ) -> None:
        self.settings = settings
        self.service = service
        self.instruments = Instruments(clock, ids, metrics, failpoints or Failpoints())
        self.subscriptions: list[Subscription] = []
        self.kafka = KafkaBroker(
            settings.bootstrap_servers.split(","),
            client_id=service,
            security=_security(settings),
            request_timeout_ms=int(settings.request_timeout * 1000),
            consumer_only=True,
            apply_types=False,
            allow_auto_create_topics=False,
            graceful_timeout=GRACEFUL_TIMEOUT,
            logger=_faststream_logger(),
            log_level=logging.DEBUG,
        )

    async def start(self) -> None:
        """Join the groups; waits while Kafka is away."""
        refuse_unsafe(self.kafka)
        await until_connected("consumers", self.settings, self.instruments.clock, self._start)

    async def stop(self) -> None:
        """Take no more, let running handlers end, leave the groups."""
        for subscription in self.subscriptions:
            subscription.flight.leaving.set()
        await self.kafka.stop()

    def problems(self) -> list[str]:
        """Say what keeps the consumers from working; empty = all live."""
        return [
            problem for subscription in self.subscriptions for problem in subscription.problems(self.instruments.clock)
        ]

    async def _start(self) -> None:
        try:
            await self.kafka.start()
        except BaseException:
            await self.kafka.stop()
            raise


def refuse_unsafe(kafka: KafkaBroker) -> None:
    """Raise UnsafeSubscription for a subscriber that could lose messages, however it was declared."""
    for subscriber in cast("list[Any]", kafka.subscribers):
        arguments = subscriber._connection_args  # noqa: SLF001 - where FastStream keeps what aiokafka will get
        safe = (
            bool(subscriber.group_id)
            and subscriber.ack_policy is AckPolicy.NACK_ON_ERROR
            and arguments.get("enable_auto_commit") is False
            and arguments.get("auto_offset_reset") == "earliest"
        )
        if not safe:
            raise UnsafeSubscription(
                f"{', '.join(subscriber.topic_names)}: declare subscribers by grantkeeper.bus.consume, "
                "with a group, commit after success, from the earliest message"
            )


def _security(settings: KafkaSettings) -> BaseSecurity | None:
    """Say to FastStream what `aiokafka_arguments` says to aiokafka."""
    context = ssl_context(settings)
    if settings.sasl_mechanism is None:
        return None if context is None else BaseSecurity(ssl_context=context, use_ssl=True)
    login = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}
    assert settings.sasl_username is not None  # noqa: S101 - the settings are refused without
    assert settings.sasl_password is not None  # noqa: S101
    return login[settings.sasl_mechanism](
        username=settings.sasl_username,
        password=settings.sasl_password.get_secret_value(),
        use_ssl=context is not None,
        ssl_context=context,
    )


def _faststream_logger() -> logging.Logger:
    logger = logging.getLogger("grantkeeper.faststream")
    logger.setLevel(logging.WARNING)  # its notices repeat what handover.py says
    logger.addFilter(_drop_known_notices)
    return logger


def _drop_known_notices(record: logging.LogRecord) -> bool:
    """Drop what FastStream warns of at each start although topics.py has just looked after it."""
    return not record.getMessage().startswith("Auto create topics is disabled")
