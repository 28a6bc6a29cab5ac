"""Row: one provider hangs with thousands due; `get` and the refreshes of another client, with and without that."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.bench.bulk import Bulk
from tests.bench.installation import REPLIES, REQUESTS, Installation, gets
from tests.bench.load import Load
from tests.bench.report import Row, middle, milliseconds
from tests.waiting import wait_until

ROUNDS = 3
OTHERS = 1_000
"""Refreshes of the other client in one round, spread over it."""
ROUND = timedelta(seconds=15)
RATE = 100
"""Requests for access tokens per second."""
ASKED = 100
FLOOR = 2.0
LAST = 60.0
"""Seconds after a round within which the last refresh of the others must be done."""
SETTLE = 18.0
"""Seconds after which the calls of a hanging round are over."""


@dataclass(slots=True)
class Seen:
    """Of each round: latencies of `get`, and how late the other client's refreshes were sent, in seconds."""

    gets: list[list[float]] = field(default_factory=list)
    lateness: list[list[float]] = field(default_factory=list)


async def measure(installation: Installation, due: int) -> list[Row]:
    """Interleaved rounds, with and without the hanging client."""
    others, hanging, asked = (Bulk(installation, name, path) for name, path in PATHS)
    ids, stuck, alive = others.make(OTHERS), hanging.make(due), asked.make(ASKED)
    without, beside = Seen(), Seen()
    for _ in range(ROUNDS):
        await _round(installation, others, ids, alive, without)
        hanging.plan(stuck, datetime.now(UTC), timedelta())
        await _round(installation, others, ids, alive, beside)
        hanging.rest()
        await asyncio.sleep(SETTLE)
    assert not hanging.refreshed(stuck)
    what = f"one provider hangs with {due:,} due: "
    return [
        _row(f"{what}get, p50", beside.gets, without.gets, 0.5, None),
        _row(f"{what}get, p99", beside.gets, without.gets, 0.99, FLOOR),
        _row(f"{what}lateness of others, p50", beside.lateness, without.lateness, 0.5, FLOOR),
        _row(f"{what}lateness of others, p99", beside.lateness, without.lateness, 0.99, FLOOR),
    ]


PATHS = (("bench-others", "token"), ("bench-hanging", "wait/3600"), ("bench-asked", "token"))


async def _round(installation: Installation, others: Bulk, ids: list[str], asked: list[str], seen: Seen) -> None:
    count = int(RATE * ROUND.total_seconds())
    requests = gets(installation, asked, REQUESTS, count + ASKED)
    async with Load(installation.bootstrap, REQUESTS, REPLIES) as load:
        await load.one_at_a_time(requests, ASKED)  # connections and caches are warm after this
        others.plan(ids, datetime.now(UTC) + timedelta(seconds=2), ROUND - timedelta(seconds=3))
        seen.gets.append(await load.at_rate(requests, RATE, ROUND.total_seconds()))
    await wait_until(lambda: len(others.refreshed(ids)) == len(ids), LAST)
    seen.lateness.append([seconds for seconds, _ in others.refreshed(ids)])


def _row(what: str, ours: list[list[float]], baseline: list[list[float]], share: float, floor: float | None) -> Row:
    mine, others = (middle([milliseconds(one, share) for one in rounds]) for rounds in (ours, baseline))
    return Row(what, mine, others, "ms", floor, higher_is_better=False)
