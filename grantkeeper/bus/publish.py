"""Everything that a process sends: signed, acknowledged by all in-sync replicas, never doubled by a retry, in order.

Records go out through aiokafka's own producer: FastStream's adds a correlation id of its own to every message, which
the signature would have to cover, and turns a tombstone without key into an empty value.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from grantkeeper.bus.connection import aiokafka_arguments, until_connected
from grantkeeper.bus.errors import BusError, Unavailable, Unconfirmed
from grantkeeper.process.clock import Clock
from grantkeeper.process.logging import get_logger
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.settings import KafkaSettings
from grantkeeper_client import Envelope, SigningKey, encode, sign
from schemas.envelope import Message

log = get_logger(__name__)

LINGER_MS: Final = 0
"""aiokafka holds even a lone reply so long. What comes while a request is on its way shares the next one anyhow."""
MAX_BATCH_SIZE: Final = 131_072
"""Bytes per partition and request: several hundred replies."""
SMALL: Final = 65_536
"""Bytes of a value up to which a reply shares a batch: any batch takes it."""
WITHIN: Final = 30.0
"""Seconds until a publish that is not acknowledged counts as failed; well below max.poll.interval."""
FLUSH_WITHIN: Final = 10.0
"""Seconds that a stop waits for what is buffered: an idempotent producer itself would wait for ever."""


class Publisher:
    """The producer of a process; a part of it (start, stop, problems)."""

    def __init__(
        self, settings: KafkaSettings, key: SigningKey, *, service: str, clock: Clock, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._key = key
        self.service = service
        self._clock = clock
        self._metrics = metrics
        self._producer: AIOKafkaProducer | None = None
        self._failing: str | None = None

    async def start(self) -> None:
        """Connect; waits while Kafka is away."""
        self._producer = await until_connected("publisher", self._settings, self._clock, self._connect)

    async def stop(self) -> None:
        """Send what is still buffered, then disconnect; gives up on it when Kafka stays away."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(FLUSH_WITHIN):
                await producer.stop()
        except TimeoutError:
            log.error("Kafka is away: buffered messages are given up", seconds=FLUSH_WITHIN)  # noqa: TRY400 - no trace

    def problems(self) -> list[str]:
        """Say whether the last publish failed."""
        if self._producer is None:
            return ["publisher is not connected to Kafka"]
        return [] if self._failing is None else [f"publishing fails: {self._failing}"]

    def event(
        self,
        message: Message,
        *,
        id: str,  # noqa: A002 - the attribute's name in CloudEvents
        time: datetime,
        key: str | None,
        subject: str | None = None,
    ) -> Envelope:
        """Make an event of this service for the message's own topic."""
        return self._envelope(
            type(message), message.model_dump_json().encode(), id=id, time=time, key=key, subject=subject
        )

    def tombstone(self, model: type[Message], *, id: str, time: datetime, key: str) -> Envelope:  # noqa: A002
        """Make the record that lets a compacted topic forget a key; `model` is the type of what it held."""
        return self._envelope(model, None, id=id, time=time, key=key, subject=key)

    def _envelope(self, model: type[Message], value: bytes | None, **attributes: Any) -> Envelope:
        key = attributes.pop("key")
        return Envelope(
            topic=self.topic(model.TOPIC),
            key=None if key is None else key.encode(),
            type=model.TYPE,
            source=self.source,
            value=value,
            **attributes,
        )

    @property
    def source(self) -> str:
        """CloudEvents `source` of this service."""
        return f"/services/{self.service}"

    def topic(self, name: str) -> str:
        """Return the real name of a logical topic."""
        return self._settings.topic(name)

    async def publish_many(self, envelopes: Sequence[Envelope]) -> None:
        """Send all, in order per key, and return when every one is acknowledged.

        An unsigned one is signed with the service's key. Raises Unavailable when one was not acknowledged: some may
        have arrived nevertheless; as Unconfirmed when they may arrive yet. Raises BusError for a message that is too
        large for the topic: a mistake here.
        """
        if not envelopes:
            return
        futures: list[asyncio.Future[Any]] = []
        try:
            async with asyncio.timeout(WITHIN):
                async for future in self._sent(envelopes):
                    futures.append(future)  # noqa: PERF401 - those before a timeout are needed
                await asyncio.wait(futures)
        except TimeoutError:
            self._failing = f"no acknowledgement within {WITHIN:g} s"
            raise Unconfirmed(f"Kafka: {self._failing}", futures) from None
        for future in futures:
            if (error := future.exception()) is not None:
                raise self._unavailable(_words(error)) from error
        self._failing = None
        self._count(envelopes)

    def _unavailable(self, why: str) -> Unavailable:
        self._failing = why
        return Unavailable(f"Kafka: {why}")

    async def has_topic(self, name: str) -> bool:
        """Tell whether a topic (real name) exists; raises Unavailable where Kafka cannot be asked."""
        if self._producer is None:
            raise Unavailable("Kafka: the publisher is not connected")
        try:
            # Not `partitions_for`: it keeps asking for a missing topic, and cannot tell it from a Kafka that is away.
            cluster = await self._producer.client.fetch_all_metadata()
        except KafkaError as error:
            raise self._unavailable(_words(error)) from error
        return name in cluster.topics()

    async def _sent(self, envelopes: Sequence[Envelope]) -> AsyncIterator[asyncio.Future[Any]]:
        """Hand all to the producer; small ones without a key share a future: their topics have one partition."""
        producer = self._producer
        if producer is None:
            raise Unavailable("Kafka: the publisher is not connected")
        together: dict[str, list[Envelope]] = defaultdict(list)
        try:
            for envelope in envelopes:
                signed = envelope if envelope.signature is not None else sign(envelope, self._key)
                if signed.key is None and len(signed.value or b"") < SMALL:
                    together[signed.topic].append(signed)
                else:
                    yield await _send(producer, signed)
            for topic, replies in together.items():
                async for future in _send_together(producer, topic, replies):
                    yield future
        except KafkaError as error:
            raise self._unavailable(_words(error)) from error

    async def _connect(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **aiokafka_arguments(self._settings, self.service),
            acks="all",
            enable_idempotence=True,
            linger_ms=LINGER_MS,
            max_batch_size=MAX_BATCH_SIZE,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    def _count(self, envelopes: Iterable[Envelope]) -> None:
        for topic, number in Counter(envelope.topic for envelope in envelopes).items():
            # One label for all principals: their number has no bound.
            name = topic[len(self._settings.prefix) :]
            self._metrics.count("messages_published", number, topic="replies" if name.startswith("replies.") else name)


async def _send(producer: AIOKafkaProducer, envelope: Envelope) -> asyncio.Future[Any]:
    try:
        future: asyncio.Future[Any] = await producer.send(
            envelope.topic, value=envelope.value, key=envelope.key, headers=encode(envelope)
        )
    except MessageSizeTooLargeError:
        raise BusError(f"a {envelope.type} of {len(envelope.value or b'')} bytes is too large for Kafka") from None
    return future


async def _send_together(
    producer: AIOKafkaProducer, topic: str, envelopes: Sequence[Envelope]
) -> AsyncIterator[asyncio.Future[Any]]:
    """Send to the one partition of a topic, in batches of our own: half the price of as many single sends."""
    batch = producer.create_batch()
    for envelope in envelopes:
        record = {"timestamp": None, "key": None, "value": envelope.value, "headers": encode(envelope)}
        if batch.append(**record) is None:
            yield await producer.send_batch(batch, topic, partition=0)
            batch = producer.create_batch()
            batch.append(**record)
    yield await producer.send_batch(batch, topic, partition=0)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
