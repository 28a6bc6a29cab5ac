"""Row 3: refreshes per second with all due at once, against the same POSTs without a product around them.

All are made due at one moment, which lies ahead until the bench has written it everywhere: its own writes are not part
of what it measures. The rate counts from the first POST to the last stored result, as the baselines count from their
first POST; how long after the moment the first POST left has a row of its own. The bench looks for the end seldom: it
shares its processors, and the database, with what it measures.
"""

import asyncio
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from grantkeeper.oauth2.http import HttpDoor
from grantkeeper.oauth2.token_request import TokenRequest
from services.refresher.scheduler import POLL
from tests.bench.installation import Installation
from tests.bench.processor import spent_by
from tests.bench.report import Row, middle
from tests.bench.streams import posts_per_second

ROUNDS = 5
IN_FLIGHT = 50
"""The refresher's default limit per client."""
DEADLINE = timedelta(minutes=2)
LOOK_EVERY = 0.05  # seconds
AHEAD = timedelta(seconds=2)
"""Until all are due: far more than the bench takes to write them."""
SAME_TRANSPORT_FLOOR, OWN_POOL_FLOOR = 0.8, 2.4


@dataclass(frozen=True, slots=True)
class Refreshed:
    """One round."""

    per_second: float
    late: float
    """Milliseconds from the moment at which all were due to the first POST."""


async def measure(installation: Installation, count: int) -> list[Row]:
    """Interleaved rounds of `count` refreshes or POSTs."""
    ours, door, streams, pool = list[Refreshed](), [], [], []
    taken: list[float] = []
    posted: list[float] = []
    for _ in range(ROUNDS):
        with spent_by(installation.refresher) as spent:
            ours.append(await refresh_all(installation, count))
        taken.append(spent.seconds / count * 1e6)
        with spent_by(os.getpid()) as spent:
            door.append(await _door_per_second(installation.endpoint, count))
        posted.append(spent.seconds / count * 1e6)
        streams.append(await posts_per_second("127.0.0.1", installation.endpoint, count, IN_FLIGHT))
        pool.append(await _own_pool_per_second(installation.endpoint, count))
    rate, what = middle([one.per_second for one in ours]), f"refreshes per second, {count:,} due at once"
    return [
        Row(
            f"{what}, against the same transport", rate, middle(door), "/s", SAME_TRANSPORT_FLOOR, higher_is_better=True
        ),
        Row(f"{what}, against httpx's own pool", rate, middle(pool), "/s", OWN_POOL_FLOOR, higher_is_better=True),
        Row(f"{what}, against bare streams", rate, middle(streams), "/s", None, higher_is_better=True),
        Row(
            "first POST after all are due, against the refresher's mean poll",
            middle([one.late for one in ours]),
            POLL * 1000,
            "ms",
            None,
            higher_is_better=False,
        ),
        Row(
            "processor time per refresh, against the same transport",
            middle(taken),
            middle(posted),
            "us",
            None,
            higher_is_better=False,
        ),
    ]


async def refresh_all(installation: Installation, count: int) -> Refreshed:
    """Make all due at one moment, and wait until each has a new generation."""
    grants: Any = installation.database["grants"]
    before = grants.find_one({}, {"grant.generation": 1}, sort=[("grant.generation", -1)])["grant"]["generation"]
    moment = datetime.now(UTC) + AHEAD
    due = {
        "due": moment,
        "grant.obtained_at": moment - timedelta(hours=1),
        "grant.expires_at": moment + timedelta(minutes=2),
    }
    grants.update_many({}, {"$set": due})
    assert datetime.now(UTC) < moment, "this machine is too slow for AHEAD"
    while grants.count_documents({"grant.generation": {"$gt": before}}) < count:
        assert datetime.now(UTC) < moment + DEADLINE, f"not all refreshed within {DEADLINE}"
        await asyncio.sleep(LOOK_EVERY)
    end = datetime.now(UTC)
    first = grants.find_one({}, {"grant.obtained_at": 1}, sort=[("grant.obtained_at", 1)])["grant"]["obtained_at"]
    return Refreshed(count / (end - first).total_seconds(), (first - moment).total_seconds() * 1000)


async def _door_per_second(port: int, count: int) -> float:
    door = HttpDoor(allow_hosts=(f"127.0.0.1:{port}",))
    await door.start()
    request = TokenRequest(
        url=f"http://127.0.0.1:{port}/token",
        form={"grant_type": SecretStr("refresh_token"), "refresh_token": SecretStr("r" * 200)},
        headers={},
    )
    rate = await _per_second(lambda: door.post(request), count)
    await door.stop()
    return rate


async def _own_pool_per_second(port: int, count: int) -> float:
    limits = httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)
    async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=60) as client:
        form = {"grant_type": "refresh_token", "refresh_token": "r" * 200}
        return await _per_second(lambda: client.post(f"http://127.0.0.1:{port}/token", data=form), count)


async def _per_second(post: Any, count: int) -> float:
    remaining = iter(range(count))
    start = time.perf_counter()

    async def worker() -> None:
        for _ in remaining:
            await post()

    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(worker())
    return count / (time.perf_counter() - start)
