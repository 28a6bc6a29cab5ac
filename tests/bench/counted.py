"""The counted row: what one hit and one refresh cost in round trips, POSTs and records. Exact, so it is gated.

Round trips are what mongod's profiler saw of the refresher's own work on `grants`; the sweeper's and the scheduler's
polls are not of one request and are left out by what they ask for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer
from pymongo import MongoClient

from tests.bench.installation import DATABASE, REPLIES, REQUESTS, Installation, gets
from tests.bench.load import Load
from tests.bench.refresh import refresh_all

HITS = 50
PROFILE_BYTES = 1 << 29  # the default of 1 MiB forgets within a second
TOPICS = ("grantkeeper.token.events", "grantkeeper.expiry.events")


@dataclass(frozen=True, slots=True)
class Count:
    """One gated number."""

    what: str
    seen: float
    most: float

    @property
    def met(self) -> bool:
        """Whether it is within the design's bound."""
        return self.seen <= self.most

    def line(self) -> str:
        """One line of the report."""
        return f"{self.what:<66} {self.seen:>10.2f}   at most {self.most:g}  {'met' if self.met else 'MISSED'}"


async def measure(installation: Installation, ids: Sequence[str]) -> list[Count]:
    """Hits one at a time, so that nothing is shared; then refreshes."""
    database = MongoClient[dict[str, Any]](installation.mongo_uri)[DATABASE]
    database.create_collection("system.profile", capped=True, size=PROFILE_BYTES)
    database.command("profile", 2)
    try:
        hits = await _hits(installation, database, ids)
        return [*hits, *await _refreshes(installation, database)]
    finally:
        database.command("profile", 0)


async def _hits(installation: Installation, database: Any, ids: Sequence[str]) -> list[Count]:
    reads, writes = _profiled(database)
    taken = await records(installation, (REPLIES,))
    async with Load(installation.bootstrap, REQUESTS, REPLIES) as load:
        await load.one_at_a_time(gets(installation, ids, REQUESTS, HITS), HITS)
    more_reads, more_writes = _profiled(database)
    more_records = await records(installation, (REPLIES,))
    return [
        Count("hit: reads", (more_reads - reads) / HITS, 1),
        Count("hit: writes", (more_writes - writes) / HITS, 0),
        Count("hit: records", (more_records - taken) / HITS, 1),
    ]


async def _refreshes(installation: Installation, database: Any) -> list[Count]:
    reads, writes = _profiled(database)
    taken = await records(installation, TOPICS)
    count = database["grants"].count_documents({})
    await refresh_all(installation, count)
    more_reads, more_writes = _profiled(database)
    more_records = await records(installation, TOPICS)
    return [
        Count("refresh: round trips", (more_reads + more_writes - reads - writes) / count, 4),
        Count("refresh: records", (more_records - taken) / count, 2),
    ]


def _profiled(database: Any) -> tuple[int, int]:
    """Reads by request and writes of the refresher so far; its polls (by due time, end or outbox age) do not count."""
    namespace = {"ns": f"{DATABASE}.grants", "appName": {"$regex": "refresher"}}
    polled_by = ("filter.outbox_at", "pipeline", "hint")
    polls = {f"command.{part}": {"$exists": False} for part in polled_by}
    reads = database["system.profile"].count_documents({**namespace, **polls, "op": {"$in": ["query", "command"]}})
    writes = database["system.profile"].count_documents({**namespace, "op": {"$in": ["update", "insert", "remove"]}})
    return reads, writes


async def records(installation: Installation, topics: Sequence[str]) -> int:
    """Count how many records the topics have taken so far."""
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=installation.bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        assert {partition.topic for partition in ends} == set(topics)
        return sum(ends.values())
    finally:
        await consumer.stop()
