"""The outbox inside the document: state and the messages it causes are one update of one document.

A document that has something to say carries three fields beside its own:

- `sequence`: rises with every write of the public state;
- `outbox`: the entries that are not published yet;
- `outbox_at`: when they were written; absent where `outbox` is empty (the sweeper's index is partial on it).

Who writes raises `sequence` and adds its entries (`stored`, `pushed` or `appended`) in the same update, publishes from
memory right after, and clears. The clear compares the sequence: where somebody else has written meanwhile, an older
state may have been published after a newer one, so the document is read again and its current state published.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import ASCENDING, UpdateOne

from grantkeeper.mongo.client import Document, translate
from grantkeeper.mongo.fields import known

SWEEP_LIMIT: Final = 500
"""Documents per sweep: one bulk of publishing and clearing."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message to be published, with all that makes it: published twice, it is the same message."""

    id: str
    topic: str
    """Logical name."""
    type: str
    key: str | None
    time: datetime
    value: str | None
    """JSON text; None = tombstone."""
    subject: str | None = None

    def to_document(self) -> Document:
        """Write it for MongoDB."""
        return {
            "id": self.id,
            "topic": self.topic,
            "type": self.type,
            "key": self.key,
            "time": self.time,
            "value": self.value,
            "subject": self.subject,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_document` wrote."""
        return known(cls, document)


@dataclass(frozen=True, slots=True)
class Pending:
    """What one document has to say, as of one sequence."""

    document_id: Any
    sequence: int
    entries: tuple[Entry, ...]


def stored(entries: Sequence[Entry], at: datetime) -> Document:
    """Return the fields of a new document that keep entries until they are published."""
    return {"outbox": [entry.to_document() for entry in entries], "outbox_at": at}


def pushed(entries: Sequence[Entry], at: datetime) -> Document:
    """Return the operators of an update that add entries behind those which are not published yet."""
    return {"$push": {"outbox": {"$each": [entry.to_document() for entry in entries]}}, "$set": {"outbox_at": at}}


def appended(entries: Sequence[Entry]) -> Document:
    """Return the same as fields of a `$set` stage, for an update by a pipeline; the time is the database's."""
    new = {"$literal": [entry.to_document() for entry in entries]}
    return {"outbox": {"$concatArrays": [{"$ifNull": ["$outbox", []]}, new]}, "outbox_at": "$$NOW"}


def pending(document: Mapping[str, Any]) -> Pending:
    """Return what a document, as it was just written, has to say."""
    entries = tuple(Entry.from_document(entry) for entry in document.get("outbox", ()))
    return Pending(document["_id"], document["sequence"], entries)


CurrentState = Callable[[Mapping[str, Any]], Sequence[Entry]]
"""Makes the entries that tell a document's whole current state, whatever was said before."""


class Outbox:
    """The outboxes of one collection."""

    def __init__(self, collection: AsyncIOMotorCollection[Document], current: CurrentState) -> None:
        self._collection = collection
        self._current = current
        self.name = collection.name

    async def ensure_index(self) -> None:
        """Make the sweeper's index: it holds only the documents that have something to say."""
        with translate():
            await self._collection.create_index(
                [("outbox_at", ASCENDING)], name="outbox", partialFilterExpression={"outbox_at": {"$exists": True}}
            )

    async def older_than(self, age: timedelta, now: datetime) -> list[Pending]:
        """Return at most SWEEP_LIMIT documents whose entries were written before `now - age`, oldest first."""
        with translate():
            found = self._collection.find({"outbox_at": {"$lt": now - age}}).sort("outbox_at").limit(SWEEP_LIMIT)
            return [pending(document) async for document in found]

    async def clear(self, published: Sequence[Pending]) -> list[Pending]:
        """Empty the outboxes that are still as they were published; return the current state of all others."""
        latest = {one.document_id: one.sequence for one in sorted(published, key=lambda one: one.sequence)}
        if not latest:
            return []
        with translate():
            result = await self._collection.bulk_write([_clearing(*one) for one in latest.items()], ordered=False)
            if result.matched_count == len(latest):
                return []
            changed = self._collection.find({"_id": {"$in": list(latest)}})
            return [self._state(one) async for one in changed if one["sequence"] != latest[one["_id"]]]

    def _state(self, document: Mapping[str, Any]) -> Pending:
        said = pending(document)
        return said if said.entries else replace(said, entries=tuple(self._current(document)))


def _clearing(document_id: Any, sequence: int) -> UpdateOne:
    return UpdateOne({"_id": document_id, "sequence": sequence}, {"$set": {"outbox": []}, "$unset": {"outbox_at": ""}})
