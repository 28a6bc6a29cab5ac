"""Row 3: refreshes per second with all due at once, against the same POSTs without a product around them."""

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from grantkeeper.oauth2.http import HttpDoor
from grantkeeper.oauth2.token_request import TokenRequest
from tests.bench.installation import Installation
from tests.bench.processor import spent_by
from tests.bench.report import Row, middle
from tests.bench.streams import posts_per_second
from tests.waiting import wait_until

ROUNDS = 5
IN_FLIGHT = 50
"""The refresher's default limit per client."""
DEADLINE = 120.0  # seconds
SAME_TRANSPORT_FLOOR, OWN_POOL_FLOOR = 0.8, 2.4


async def measure(installation: Installation, count: int) -> list[Row]:
    """Interleaved rounds of `count` refreshes or POSTs."""
    ours, door, streams, pool = [], [], [], []
    taken: list[float] = []
    posted: list[float] = []
    for _ in range(ROUNDS):
        with spent_by(installation.refresher) as spent:
            ours.append(await refreshes_per_second(installation, count))
        taken.append(spent.seconds / count * 1e6)
        with spent_by(os.getpid()) as spent:
            door.append(await _door_per_second(installation.endpoint, count))
        posted.append(spent.seconds / count * 1e6)
        streams.append(await posts_per_second("127.0.0.1", installation.endpoint, count, IN_FLIGHT))
        pool.append(await _own_pool_per_second(installation.endpoint, count))
    rate, what = middle(ours), f"refreshes per second, {count:,} due at once"
    return [
        Row(
            f"{what}, against the same transport", rate, middle(door), "/s", SAME_TRANSPORT_FLOOR, higher_is_better=True
        ),
        Row(f"{what}, against httpx's own pool", rate, middle(pool), "/s", OWN_POOL_FLOOR, higher_is_better=True),
        Row(f"{what}, against bare streams", rate, middle(streams), "/s", None, higher_is_better=True),
        Row(
            "processor time per refresh, against the same transport",
            middle(taken),
            middle(posted),
            "us",
            None,
            higher_is_better=False,
        ),
    ]


async def refreshes_per_second(installation: Installation, count: int) -> float:
    """Make all due, and wait until each has a new generation."""
    grants: Any = installation.database["grants"]
    before = grants.find_one({}, {"grant.generation": 1}, sort=[("grant.generation", -1)])["grant"]["generation"]
    now = datetime.now(UTC)
    start = time.perf_counter()
    due = {
        "due": now,
        "grant.obtained_at": now - timedelta(hours=1),
        "grant.expires_at": now + timedelta(minutes=2),
    }
    grants.update_many({}, {"$set": due})
    await wait_until(lambda: grants.count_documents({"grant.generation": {"$gt": before}}) >= count, DEADLINE)
    return count / (time.perf_counter() - start)


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
