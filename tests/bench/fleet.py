"""Row: thousands due in one minute under a client's limit, against what that limit and the latency allow at best."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from tests.bench.bulk import Bulk
from tests.bench.counted import Count
from tests.bench.endpoint import SLOW
from tests.bench.installation import Installation
from tests.bench.report import Row

MINUTE = timedelta(seconds=60)
PER_CLIENT = 50
"""The refresher's default limit (AttemptSettings)."""
FLOOR = 1.25
LOOK = 1.0
DEADLINE = 600.0  # seconds


async def measure(installation: Installation, due: int) -> list[Row | Count]:
    """All fall due within one minute; the best is n x latency / limit, or the minute itself where that is more."""
    fleet = Bulk(installation, "bench-fleet", "slow")
    ids = fleet.make(due)
    begin = datetime.now(UTC) + timedelta(seconds=2)
    fleet.plan(ids, begin, MINUTE)
    await asyncio.sleep(max(0.0, (begin - datetime.now(UTC)).total_seconds()))
    started, done = time.perf_counter(), fleet.refreshed(ids)
    while len(done) < due and time.perf_counter() - started < DEADLINE:
        await asyncio.sleep(LOOK)
        done = fleet.refreshed(ids)
    best = max(due * SLOW / PER_CLIENT, MINUTE.total_seconds())
    took = (datetime.now(UTC) - begin).total_seconds()
    what = f"{due:,} due in one minute, {SLOW:g} s per call, {PER_CLIENT} at a time"
    return [
        Row(f"{what}: until the last", took, best, "s", FLOOR, higher_is_better=False),
        Count(f"{what}: not refreshed, or past expiry", due - len(done) + sum(past for _, past in done), 0),
    ]
