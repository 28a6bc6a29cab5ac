"""Stores the endings of many attempts in one round trip: while one batch is on its way, the next one gathers.

An ending whose document is exactly as it was claimed, nobody having begun to wait meanwhile, needs nothing read back; a
batch of such endings is one bulk write whose count says whether all came through. Where the count falls short, a look
at the documents tells which did; the others are stored one by one, each against the newest state.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pymongo import UpdateOne

from grantkeeper.mongo.client import translate
from grantkeeper.mongo.outbox import Entry, Pending
from grantkeeper.process.clock import Ids
from services.refresher.document import Document
from services.refresher.domain.record import Record
from services.refresher.store import GrantStore, Written, ending_update

MOST: Final = 100
"""Endings per bulk write: far more than complete while one is on its way."""


@dataclass(frozen=True, slots=True)
class _Ending:
    before: Record
    after: Record
    entries: Sequence[Entry]
    lease: str
    answers_waiters: bool
    mark: str
    done: "asyncio.Future[Written | None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def operation(self) -> UpdateOne:
        before = self.before
        condition: Document = {
            "_id": before.config_id,
            "sequence": before.sequence,
            "grant.generation": before.grant.generation,
            "lease.token": self.lease,
            "$expr": {"$eq": ["$waiters.id", {"$literal": [waiter.id for waiter in before.waiters]}]},
            "outbox.0": {"$exists": False},
        }
        update = ending_update(before, self.after, self.entries, self.answers_waiters)
        update["$set"]["mark"] = self.mark
        return UpdateOne(condition, update)

    def written(self) -> Written:
        before = self.before if self.answers_waiters else replace(self.before, waiters=())
        return Written(self.after, before, Pending(before.config_id, self.after.sequence, tuple(self.entries)))


class BatchWrites:
    """Group commit for `grants`."""

    def __init__(self, store: GrantStore, ids: Ids) -> None:
        self._store = store
        self._ids = ids
        self._gathered: list[_Ending] = []
        self._writing: asyncio.Task[None] | None = None

    async def end(
        self, before: Record, after: Record, entries: Sequence[Entry], *, lease: str, answers_waiters: bool
    ) -> Written | None:
        """Store one ending, as `GrantStore.write` does; raises Unavailable."""
        ending = _Ending(before, after, entries, lease, answers_waiters, self._ids.token(9))
        self._gathered.append(ending)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all(), name="write endings")
        return await ending.done

    async def _write_all(self) -> None:
        while self._gathered:
            batch, self._gathered = self._gathered[:MOST], self._gathered[MOST:]
            try:
                results = await self._write(batch)
            except Exception as error:  # noqa: BLE001 - whoever waits for one of them decides
                _spread(batch, error)
                continue
            for ending, result in zip(batch, results, strict=True):
                if not ending.done.done():
                    ending.done.set_result(result)

    async def _write(self, batch: Sequence[_Ending]) -> list[Written | None]:
        if len(batch) == 1:
            return [await self._alone(batch[0])]
        with translate():
            operations = [ending.operation() for ending in batch]
            result = await self._store.collection.bulk_write(operations, ordered=False)
        if result.matched_count == len(batch):
            return [ending.written() for ending in batch]
        through = await self._marked([ending.before.config_id for ending in batch])
        return [ending.written() if ending.mark in through else await self._alone(ending) for ending in batch]

    async def _marked(self, config_ids: list[str]) -> set[str]:
        with translate():
            found = self._store.collection.find({"_id": {"$in": config_ids}}, {"mark": 1})
            return {document["mark"] async for document in found if "mark" in document}

    async def _alone(self, ending: _Ending) -> Written | None:
        return await self._store.write(
            ending.before,
            ending.after,
            ending.entries,
            lease=ending.lease,
            answers_waiters=ending.answers_waiters,
        )


def _spread(batch: Sequence[_Ending], error: Exception) -> None:
    for ending in batch:
        if not ending.done.done():
            ending.done.set_exception(error)
