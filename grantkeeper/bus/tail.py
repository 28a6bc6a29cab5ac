"""The third way to read: everything of a topic, in every process, without group and without commit.

For what each process must know in full (principals) or show live (the console). What cannot be decoded is logged and
skipped: another reader has reported it, and a tail has nobody to answer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from grantkeeper.bus.connection import RETRY_PAUSE, aiokafka_arguments, until_connected
from grantkeeper.bus.liveness import SILENT_AFTER, silence
from grantkeeper.bus.messages import Record, envelope_of, place_of
from grantkeeper.bus.received import Place
from grantkeeper.process.clock import Clock
from grantkeeper.process.logging import get_logger
from grantkeeper.process.settings import KafkaSettings
from grantkeeper_client import Envelope, MalformedMessage

log = get_logger(__name__)

_POLL_MS: Final = 1000
_BEGIN: Final = {"start": "earliest", "end": "latest"}

OnMessage = Callable[[Envelope, Place], Awaitable[None]]


class Tail:
    """Reads one logical topic in order per partition; a part of a process (start, stop, problems).

    `on_message` gets every message, tombstones too (value None); what it raises is logged and the next one follows.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        on_message: OnMessage,
        *,
        service: str,
        clock: Clock,
        begin: Literal["start", "end"] = "start",
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._on_message = on_message
        self._service = service
        self._clock = clock
        self._begin = begin
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None
        self._caught_up = asyncio.Event()
        self._goal: dict[TopicPartition, int] = {}
        self._started_at = clock.now()

    async def start(self) -> None:
        """Begin to read; waits while Kafka is away or has no such topic."""
        self._consumer = await until_connected(f"tail of {self._topic}", self._settings, self._clock, self._connect)
        self._started_at = self._clock.now()
        self._task = asyncio.create_task(self._read(self._consumer), name=f"tail {self._topic}")

    async def stop(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._consumer is not None:
            await self._consumer.stop()

    async def ready(self) -> None:
        """Return when everything was read that the topic held at `start`."""
        await self._caught_up.wait()

    def problems(self) -> list[str]:
        """Say whether it reads."""
        if self._consumer is None or self._task is None or self._task.done():
            return [f"tail of {self._topic} does not run"]
        if not self._caught_up.is_set():
            return [f"tail of {self._topic} has not read to the end yet"]
        seconds = silence(self._consumer, self._started_at, self._clock.now())
        return [f"tail of {self._topic}: no answer from Kafka for {seconds:.0f} s"] if seconds > SILENT_AFTER else []

    async def _connect(self) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(
            self._settings.topic(self._topic),
            **aiokafka_arguments(self._settings, self._service),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset=_BEGIN[self._begin],
        )
        try:
            await consumer.start()
            if self._begin == "end":
                await consumer.seek_to_end()
            self._goal = await consumer.end_offsets(list(consumer.assignment()))
        except BaseException:
            await consumer.stop()
            raise
        return consumer

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            try:
                await self._read_some(consumer)
            except KafkaError as error:
                log.warning("tail fails, will be tried again", topic=self._topic, error=str(error), pause=RETRY_PAUSE)
                await self._clock.sleep(RETRY_PAUSE)

    async def _read_some(self, consumer: AIOKafkaConsumer) -> None:
        if not self._caught_up.is_set() and await self._has_reached_goal(consumer):
            self._caught_up.set()
            log.info("tail has read to the end", topic=self._topic)
        batches: dict[TopicPartition, list[Any]] = await consumer.getmany(timeout_ms=_POLL_MS)
        for records in batches.values():
            for record in records:
                await self._take(record)

    async def _has_reached_goal(self, consumer: AIOKafkaConsumer) -> bool:
        positions = [await consumer.position(partition) >= offset for partition, offset in self._goal.items()]
        return all(positions)

    async def _take(self, record: Record) -> None:
        place = place_of(record)
        try:
            await self._on_message(envelope_of(record), place)
        except MalformedMessage as error:
            log.warning("message skipped", topic=place.topic, offset=place.offset, reason=error.reason)
        except Exception:
            # One message that this reader cannot digest must not blind it to all later ones.
            log.exception("message skipped", topic=place.topic, partition=place.partition, offset=place.offset)
