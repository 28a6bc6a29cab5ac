"""The asker of the benchmark: sends prepared requests over raw aiokafka and times the replies.

Requests are built and signed before the clock starts, so that both sides are asked by the same cheap client.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

REPLY_DEADLINE = 20.0
"""Seconds after which a missing reply ends the benchmark with an error."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """One request as it goes to the broker."""

    correlation_id: bytes
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]


@dataclass(slots=True)
class Load:
    """Sends to one topic and reads one reply topic; use as an async context manager."""

    bootstrap: str
    topic: str
    replies: str
    waiting: dict[bytes, tuple[float, asyncio.Future[float]]] = field(default_factory=dict)
    last_reply: bytes = b""
    _producer: Any = None
    _consumer: Any = None
    _reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, acks="all")
        self._consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False)
        await self._producer.start()
        await self._consumer.start()
        partition = TopicPartition(self.replies, 0)
        self._consumer.assign([partition])
        await self._consumer.seek_to_end(partition)
        await self._consumer.position(partition)
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reader is not None:
            self._reader.cancel()
        await self._consumer.stop()
        await self._producer.stop()

    async def _read(self) -> None:
        async for record in self._consumer:
            self.last_reply = record.value
            correlation = dict(record.headers)["correlation_id"]
            entry = self.waiting.pop(correlation, None)
            if entry is not None and not entry[1].done():
                entry[1].set_result(time.perf_counter() - entry[0])

    async def send(self, request: Prepared) -> asyncio.Future[float]:
        """Send one request; the future holds its latency in seconds."""
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.waiting[request.correlation_id] = (time.perf_counter(), future)
        await self._producer.send(self.topic, request.value, key=request.key, headers=request.headers)
        return future

    async def one_at_a_time(self, requests: Iterator[Prepared], count: int, gap: float = 0.0) -> list[float]:
        """Ask, wait for the reply, rest for `gap` seconds, ask again."""
        latencies = []
        for _ in range(count):
            future = await self.send(next(requests))
            latencies.append(await asyncio.wait_for(future, REPLY_DEADLINE))
            if gap:
                await asyncio.sleep(gap)
        return latencies

    async def at_rate(self, requests: Iterator[Prepared], rate: float, seconds: float) -> list[float]:
        """Open loop: `rate` requests a second whatever the replies do; late sends count as latency."""
        loop_start = time.perf_counter()
        futures = []
        for number in range(int(rate * seconds)):
            due = loop_start + number / rate
            delay = due - time.perf_counter()
            if delay > 0:
                await asyncio.sleep(delay)
            future = await self.send(next(requests))
            futures.append(future)
        return list(await asyncio.wait_for(asyncio.gather(*futures), REPLY_DEADLINE))

    async def flood(self, requests: Iterator[Prepared], count: int, window: int = 200) -> float:
        """Keep `window` requests in flight until `count` replies came; returns replies per second."""
        free = asyncio.Semaphore(window)
        start = time.perf_counter()
        futures = []
        for _ in range(count):
            await free.acquire()
            future = await self.send(next(requests))
            future.add_done_callback(lambda _done: free.release())
            futures.append(future)
        await asyncio.wait_for(asyncio.gather(*futures), REPLY_DEADLINE)
        return count / (time.perf_counter() - start)
