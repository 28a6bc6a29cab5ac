"""Row: from a provider's reply to the event at a subscriber, one refresh at a time.

The baseline writes a document of the same bytes to the same majority, produces a record of the same bytes, and waits
until the same subscriber has it. Between reply and event the product also reads the reply and encrypts two tokens; what
the reading alone takes shows beside a baseline that begins, as the product does, with a reply to a POST.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import WriteConcern

from devstack.keys import PREFIX
from grantkeeper_client import Asker
from tests.bench.installation import DATABASE, Installation, make_topics
from tests.bench.report import Row, milliseconds

ROUNDS: Final = 5
ONE_BY_ONE: Final = 60
"""Of one round; all rounds together give the p99."""
EVENTS: Final = f"{PREFIX}token.events"
PLAIN: Final = "event.baseline"
P50_FLOOR, P99_FLOOR = 1.5, 2.0
DEADLINE: Final = 20.0  # seconds


async def measure(installation: Installation, ids: Sequence[str]) -> list[Row]:
    """Interleaved rounds; the first refresh of each token also shows what the baseline has to carry."""
    await make_topics(installation.bootstrap, PLAIN)
    ours: list[float] = []
    plain: list[float] = []
    posted: list[float] = []
    async with (
        Asker(installation.admin) as asker,
        AIOKafkaConsumer(EVENTS, PLAIN, bootstrap_servers=installation.bootstrap) as consumer,
        AIOKafkaProducer(bootstrap_servers=installation.bootstrap, acks="all", enable_idempotence=True) as producer,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{installation.endpoint}", trust_env=False) as endpoint,
    ):
        await consumer.seek_to_end()
        refreshes = Refreshes(installation, asker, consumer, endpoint)
        baseline = Baseline(installation, consumer, producer, endpoint)
        for number in range(-1, ROUNDS):  # round -1 warms connections and caches up
            seen = [await refreshes.one(ids[place % len(ids)]) for place in range(ONE_BY_ONE)]
            assert refreshes.last is not None
            written = [await baseline.one(refreshes.last) for _ in range(ONE_BY_ONE)]
            after_post = [await baseline.one_after_post(refreshes.last) for _ in range(ONE_BY_ONE)]
            if number >= 0:
                ours, plain, posted = ours + seen, plain + written, posted + after_post
    beside = ", beside the same after a POST"
    return [*_rows(ours, plain, "", (P50_FLOOR, P99_FLOOR)), *_rows(ours, posted, beside, (None, None))]


def _rows(
    ours: Sequence[float], other: Sequence[float], against: str, floors: tuple[float | None, float | None]
) -> list[Row]:
    what = "provider's reply to the event at a subscriber"
    return [
        Row(f"{what}, p{share * 100:.0f}{against}", milliseconds(ours, share), milliseconds(other, share), "ms", floor,
            higher_is_better=False)
        for share, floor in zip((0.5, 0.99), floors, strict=True)
    ]  # fmt: skip


async def answered(endpoint: httpx.AsyncClient) -> float:
    """When the endpoint's last answer left."""
    at: float = (await endpoint.post("/answered")).json()["at"]
    return at


class Refreshes:
    """Asks for refreshes and sees their events."""

    def __init__(
        self, installation: Installation, asker: Asker, consumer: AIOKafkaConsumer, endpoint: httpx.AsyncClient
    ) -> None:
        self._grants: Any = installation.database["grants"]
        self._asker, self._consumer, self._endpoint = asker, consumer, endpoint
        self.last: ConsumerRecord | None = None

    async def one(self, config_id: str) -> float:
        """Refresh once; returns the seconds from the provider's reply to its event."""
        generation = self._grants.find_one({"_id": config_id}, {"grant.generation": 1})["grant"]["generation"]
        asked = {"config": config_id, "generation": generation}
        key = config_id.encode()
        asking = asyncio.create_task(self._asker.ask("token.requests", "grantkeeper.token.refresh.v1", asked, key=key))
        self.last = await next_record(self._consumer, EVENTS, key)
        seen = time.perf_counter()
        await asking
        return seen - await answered(self._endpoint)


class Baseline:
    """Writes and produces as many bytes, and nothing else."""

    def __init__(
        self,
        installation: Installation,
        consumer: AIOKafkaConsumer,
        producer: AIOKafkaProducer,
        endpoint: httpx.AsyncClient,
    ) -> None:
        self._grants: Any = installation.database["grants"]
        plain = AsyncIOMotorClient[dict[str, Any]](installation.mongo_uri)[DATABASE]
        self._plain: Any = plain.get_collection("event_baseline", write_concern=WriteConcern(w="majority", j=True))
        self._consumer, self._producer, self._endpoint = consumer, producer, endpoint

    async def one(self, event: ConsumerRecord) -> float:
        """Return the seconds from the write to the record at the subscriber."""
        document = self._document(event)
        start = time.perf_counter()
        return await self._told(event, document) - start

    async def one_after_post(self, event: ConsumerRecord) -> float:
        """Return the seconds from a reply of the endpoint to the record at the subscriber."""
        document = self._document(event)
        (await self._endpoint.post("/token", data={"grant_type": "refresh_token"})).json()
        seen = await self._told(event, document)
        return seen - await answered(self._endpoint)

    def _document(self, event: ConsumerRecord) -> dict[str, Any]:
        document: dict[str, Any] = self._grants.find_one({"_id": event.key.decode()})
        return {**document, "outbox": [{"value": event.value.decode()}]}

    async def _told(self, event: ConsumerRecord, document: dict[str, Any]) -> float:
        await self._plain.replace_one({"_id": document["_id"]}, document, upsert=True)
        await self._producer.send(PLAIN, event.value, key=event.key, headers=list(event.headers))
        await next_record(self._consumer, PLAIN, event.key)
        return time.perf_counter()


async def next_record(consumer: AIOKafkaConsumer, topic: str, key: bytes) -> ConsumerRecord:
    """Return the next record of a key; others are passed over."""
    async with asyncio.timeout(DEADLINE):
        while True:
            record = await consumer.getone()
            if record.topic == topic and record.key == key:
                return record
