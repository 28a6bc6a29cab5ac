"""Row: what one look for due grants costs among a million, a tenth of them overdue but paused. Counted by mongod.

Documents carry only what the look reads, so that they can be made in a minute; indexes and query are the product's.
"""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from devstack.mongo import Mongo
from services.refresher.due_store import due_pipeline
from services.refresher.scheduler import AHEAD
from services.refresher.store import INDEXES
from tests.bench.counted import Count
from tests.bench.report import Row, middle

CLIENTS = 100
PAUSED = 10
"""Clients with a fault, or asked for patience: they hold the overdue grants."""
DUE = 30
"""Grants of each other client that are due."""
PER_CLIENT = AHEAD * 3
"""3 is the share of one of so many clients."""
BATCH = 10_000
TIMES = 20
SMALL = 0.01
"""Of the grants: what the time of a look is compared with."""


def measure(folder: Path, grants: int) -> list[Row | Count]:
    """Count keys among all of them; time a look against one among a hundredth."""
    mongo = Mongo(folder / "tick-mongo").start()
    try:
        client = MongoClient[dict[str, Any]](mongo.uri)
        small, whole = client["tick_small"], client["tick"]
        _fill(small, int(grants * SMALL))
        _fill(whole, grants)
        return [_counted(whole, grants), _timed(whole, small, grants)]
    finally:
        mongo.stop()


def _counted(database: Any, grants: int) -> Count:
    found = list(database["clients"].aggregate(due_pipeline(PER_CLIENT)))
    claimed = sum(len(one["due"]) + len(one["asked"]) for one in found)
    assert claimed == (CLIENTS - PAUSED) * PER_CLIENT, claimed
    asked = {"aggregate": "clients", "pipeline": due_pipeline(PER_CLIENT), "cursor": {}}
    explained = database.command("explain", asked, verbosity="executionStats")
    stages = explained["stages"]
    keys = sum(stage.get("totalKeysExamined", 0) for stage in stages)
    keys += stages[0]["$cursor"]["executionStats"]["totalKeysExamined"]
    assert not any(stage.get("collectionScans", 0) for stage in stages)
    what = f"tick, {grants:,} grants, {grants // 10:,} overdue but paused: keys examined"
    return Count(f"{what} ({claimed} claimed)", keys, claimed + CLIENTS)


def _timed(whole: Any, small: Any, grants: int) -> Row:
    mine, other = (middle([_look(one) for _ in range(TIMES)]) * 1000 for one in (whole, small))
    return Row(
        f"tick, {grants:,} grants, beside a hundredth of them (no floor)", mine, other, "ms", None,
        higher_is_better=False,
    )  # fmt: skip


def _look(database: Any) -> float:
    start = time.perf_counter()
    list(database["clients"].aggregate(due_pipeline(PER_CLIENT)))
    return time.perf_counter() - start


def _fill(database: Any, grants: int) -> None:
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    database["clients"].insert_many([_client(number, now) for number in range(CLIENTS)])
    database["grants"].create_indexes(list(INDEXES))
    per_client = {number: _counts(number, grants) for number in range(CLIENTS)}
    batch: list[dict[str, Any]] = []
    for number, (due, later) in per_client.items():
        for place in range(due + later):
            at = now - hour + timedelta(milliseconds=place) if place < due else now + hour
            batch.append(_grant(number, place, at))
            if len(batch) == BATCH:
                database["grants"].insert_many(batch, ordered=False)
                batch = []
    if batch:
        database["grants"].insert_many(batch, ordered=False)


def _counts(number: int, grants: int) -> tuple[int, int]:
    """How many of a client's grants are due, and how many are not."""
    if number < PAUSED:
        return grants // 10 // PAUSED, 0
    whole = (grants - grants // 10) // (CLIENTS - PAUSED)
    return min(DUE, whole), max(0, whole - DUE)


def _client(number: int, now: datetime) -> dict[str, Any]:
    faulty, held = number < PAUSED // 2, PAUSED // 2 <= number < PAUSED
    tomorrow = now + timedelta(days=1)
    fields: dict[str, Any] = {"_id": f"c{number}", "fault": {"code": "invalid_client"} if faulty else None}
    return fields | {"probe_at": tomorrow if faulty else None, "held_until": tomorrow if held else None}


def _grant(client: int, place: int, due: datetime) -> dict[str, Any]:
    return {
        "_id": f"{client}-{place}",
        "client": f"c{client}",
        "due": due,
        "names": [f"{client}-{place}"],
        "sorted_name": f"{client}-{place}",
        "state": "active",
        "wishes": [],
        "waiters": [],
    }
