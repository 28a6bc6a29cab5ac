"""Stores the endings of many attempts in one round trip: while one batch is on its way, the next one gathers.

An ending whose document is exactly as it was claimed, nobody having begun to wait meanwhile, needs nothing read back; a
batch of such endings is one bulk write whose count says whether all came through. Where the count falls short, or one
of them cannot be written at all, a look at the documents tells which did; the others are stored by themselves, each
against the newest state and with an outcome of its own. Whoever repeats an ending after an error repeats its mark.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pymongo import UpdateOne

from grantkeeper.mongo.client import translate
from grantkeeper.mongo.outbox import Entry, Pending
from grantkeeper.process.errors import Unavailable
from grantkeeper.process.logging import get_logger
from services.refresher.document import Document
from services.refresher.domain.record import Record
from services.refresher.store import GrantStore, Written, ending_update

log = get_logger(__name__)

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
        return UpdateOne(condition, ending_update(before, self.after, self.entries, self.answers_waiters, self.mark))

    def written(self) -> Written:
        before = self.before if self.answers_waiters else replace(self.before, waiters=())
        return Written(self.after, before, Pending(before.config_id, self.after.sequence, tuple(self.entries)))


Outcome = Written | BaseException | None


class BatchWrites:
    """Group commit for `grants`."""

    def __init__(self, store: GrantStore) -> None:
        self._store = store
        self._gathered: list[_Ending] = []
        self._writing: asyncio.Task[None] | None = None

    async def end(
        self, before: Record, after: Record, entries: Sequence[Entry], *, lease: str, answers_waiters: bool, mark: str
    ) -> Written | None:
        """Store one ending, as `GrantStore.write` does; `mark` is unlike any other. Raises Unavailable."""
        ending = _Ending(before, after, entries, lease, answers_waiters, mark)
        self._gathered.append(ending)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all(), name="write endings")
        return await ending.done

    async def _write_all(self) -> None:
        while self._gathered:
            batch, self._gathered = self._gathered[:MOST], self._gathered[MOST:]
            try:
                outcomes = await self._write(batch)
            except Exception as error:  # noqa: BLE001 - whoever waits for one of them decides
                outcomes = [error] * len(batch)
            for ending, outcome in zip(batch, outcomes, strict=True):
                _settle(ending.done, outcome)

    async def _write(self, batch: Sequence[_Ending]) -> list[Outcome]:
        if len(batch) > 1 and await self._together(batch):
            return [ending.written() for ending in batch]
        through = set[str]() if len(batch) == 1 else await self._marked(batch)
        alone = (self._alone(ending) for ending in batch if ending.mark not in through)
        outcomes = iter(await asyncio.gather(*alone, return_exceptions=True))
        return [ending.written() if ending.mark in through else next(outcomes) for ending in batch]

    async def _together(self, batch: Sequence[_Ending]) -> bool:
        """Tell whether all came through."""
        try:
            with translate():
                operations = [ending.operation() for ending in batch]
                result = await self._store.collection.bulk_write(operations, ordered=False)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whose it is shows when each is written by itself
            log.warning("one of these endings cannot be written", endings=len(batch), error=type(error).__name__)
            return False
        return result.matched_count == len(batch)

    async def _marked(self, endings: Sequence[_Ending]) -> set[str]:
        config_ids = [ending.before.config_id for ending in endings]
        with translate():
            found = self._store.collection.find({"_id": {"$in": config_ids}}, {"mark": 1})
            return {document["mark"] async for document in found if "mark" in document}

    async def _alone(self, ending: _Ending) -> Written | None:
        written = await self._store.write(
            ending.before,
            ending.after,
            ending.entries,
            lease=ending.lease,
            answers_waiters=ending.answers_waiters,
            mark=ending.mark,
        )
        if written is None and ending.mark in await self._marked([ending]):
            return ending.written()  # an earlier try had come through
        return written


def _settle(done: "asyncio.Future[Written | None]", outcome: Outcome) -> None:
    if done.done():
        return
    if isinstance(outcome, BaseException):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
