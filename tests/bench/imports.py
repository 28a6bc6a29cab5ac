"""Row: an import of thousands of configs, until the last is answered, against `insert_many` of the same bytes.

The same bytes are the documents that the import left, configs and histories, under the same write concern. Only
config_service runs: what others do with the events afterwards is no part of it. Records are made and sealed before.
"""

import time
from collections.abc import Sequence
from typing import Any, Final

import uuid_utils
from pymongo import MongoClient, WriteConcern

from grantkeeper_client import Asker
from tests.bench.installation import CHUNK, DATABASE, Installation, import_records, records
from tests.bench.processor import spent_by
from tests.bench.report import Row

PARTS: Final = 5
FLOOR: Final = 0.5
COLLECTIONS: Final = {"token_configs": "_id", "token_config_history": "config_id"}
"""What an import writes, and where the config's id stands in it."""


async def measure(installation: Installation, configs: int) -> list[Row]:
    """Part by part: import, then insert what that stored; the times of all parts are added up."""
    client = MongoClient[dict[str, Any]](installation.mongo_uri, tz_aware=True)
    ours = other = spent_ours = 0.0
    size = configs // PARTS // CHUNK * CHUNK
    async with Asker(installation.admin) as asker:
        for part in range(PARTS):
            ids = [str(uuid_utils.uuid7()) for _ in range(size)]
            made = records(installation, ids, part * size)
            with spent_by(installation.processes["config_service"]) as spent:
                ours += await _imported(asker, made)
            spent_ours += spent.seconds
            other += _inserted(client, ids)
    count = PARTS * size
    what = f"import of {count:,} configs"
    return [
        Row(f"{what}, against insert_many of the same bytes", count / ours, count / other, "/s", FLOOR,
            higher_is_better=True),
        Row(f"{what}: processor time of config_service for one, beside insert_many's time",
            spent_ours / count * 1e6, other / count * 1e6, "us", None, higher_is_better=False),
    ]  # fmt: skip


async def _imported(asker: Asker, made: Sequence[dict[str, object]]) -> float:
    start = time.perf_counter()
    for first in range(0, len(made), CHUNK):
        await import_records(asker, made[first : first + CHUNK])
    return time.perf_counter() - start


def _inserted(client: MongoClient[dict[str, Any]], ids: Sequence[str]) -> float:
    took = 0.0
    for name, field in COLLECTIONS.items():
        documents = list(client[DATABASE][name].find({field: {"$in": list(ids)}}))
        assert len(documents) == len(ids)
        plain = client["plain"].get_collection(name, write_concern=WriteConcern(w="majority", j=True))
        start = time.perf_counter()
        plain.insert_many(documents)
        took += time.perf_counter() - start
    return took
