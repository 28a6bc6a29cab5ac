"""Row: thousands due in one minute under a client's limit, against what that limit and the latency allow at best."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from tests.bench.bulk import Bulk
from tests.bench.counted import Count
from tests.bench.installation import Installation
from tests.bench.report import Row

MINUTE = timedelta(seconds=60)
PER_CLIENT = 50
"""The refresher's default limit (AttemptSettings)."""
FLOOR = 1.25
WORK = 5_000.0
"""Seconds of waiting for the provider that a fleet of any size causes: 10,000 calls of half a second."""
LOOK = 1.0
DEADLINE = 600.0  # seconds


async def measure(installation: Installation, due: int) -> list[Row | Count]:
    """All fall due within one minute; the fewer they are, the longer each call takes."""
    seconds = WORK / due
    fleet = Bulk(installation, "bench-fleet", f"wait/{seconds:g}")
    ids = fleet.make(due)
    begin = datetime.now(UTC) + timedelta(seconds=2)
    fleet.plan(ids, begin, MINUTE)
    await asyncio.sleep(max(0.0, (begin - datetime.now(UTC)).total_seconds()))
    started, done = time.perf_counter(), fleet.refreshed(ids)
    while len(done) < due and time.perf_counter() - started < DEADLINE:
        await asyncio.sleep(LOOK)
        done = fleet.refreshed(ids)
    best = WORK / PER_CLIENT
    took = (datetime.now(UTC) - begin).total_seconds()
    what = f"{due:,} due in one minute, {seconds:g} s per call, {PER_CLIENT} at a time"
    return [
        Row(f"{what}: until the last", took, best, "s", FLOOR, higher_is_better=False),
        Count(f"{what}: not refreshed, or past expiry", due - len(done) + sum(past for _, past in done), 0),
    ]
