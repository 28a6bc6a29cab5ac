"""The collection `engine`: one document that every refresher reads twice a second and obeys; and the engine's numbers.

What is due is counted through the index of due times, what a client's configs add up to through one of its own: a
look-up per client each, and only grants that may be under way are read.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from grantkeeper.mongo.client import Database, Document, translate
from grantkeeper.mongo.outbox import Entry, Pending, pushed
from services.refresher.client_store import Client, client_from
from services.refresher.domain.engine import Engine
from services.refresher.due_store import IS_HELD, IS_PAUSED

COLLECTION: Final = "engine"
ID: Final = "engine"


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the engine has to do."""

    due_now: int = 0
    first_due: datetime | None = None
    in_flight: int = 0


@dataclass(frozen=True, slots=True)
class UsedClient:
    """One client with what its configs add up to."""

    client: Client
    tokens: int
    secret_ends: str | None
    """ISO date: the earliest end of a client secret."""


class EngineStore:
    """Reads and writes `engine`."""

    def __init__(self, database: Database) -> None:
        self.collection: AsyncIOMotorCollection[Document] = database[COLLECTION]
        self._clients: AsyncIOMotorCollection[Document] = database["clients"]
        self._grants: AsyncIOMotorCollection[Document] = database["grants"]

    async def read(self) -> Engine:
        """Return the engine as it is stored, or as nobody has touched it."""
        with translate():
            found = await self.collection.find_one({"_id": ID})
        return Engine() if found is None else engine_from(found)

    async def write(self, before: Engine, after: Engine, entries: Sequence[Entry], now: datetime) -> Pending | None:
        """Store; None where somebody else has written meanwhile."""
        sequence = before.sequence + 1
        update = pushed(entries, now) if entries else {"$set": {}}
        update["$set"] |= {**asdict(after), "heard": list(after.heard), "sequence": sequence, "changed_at": now}
        condition = {"_id": ID, "sequence": before.sequence}
        try:
            with translate():
                found: Document | None = await self.collection.find_one_and_update(
                    condition, update, upsert=before.sequence == 0, return_document=ReturnDocument.AFTER
                )
        except DuplicateKeyError:
            return None  # another process was the first one
        if found is None:
            return None
        return Pending(ID, sequence, tuple(Entry.from_document(each) for each in found.get("outbox", ())))

    async def waited_for(self, limit: int) -> list[str]:
        """Return the ids of due grants that somebody waits for: in place of an access token, or of a wish."""
        is_due = {"$and": [{"$gt": ["$due", None]}, {"$lte": ["$due", "$$NOW"]}]}
        asked = [{"client": {"$gt": ""}, f"{field}.0": {"$exists": True}} for field in ("waiters", "wishes")]
        waited = {"$or": asked, "$expr": is_due}
        with translate():
            found = self._grants.find(waited, {"_id": 1}).limit(limit)
            return [document["_id"] async for document in found]

    async def numbers(self, lease_seconds: int) -> Numbers:
        """Count what is due and what is under way, by the database's clock."""
        with translate():
            found = await self._clients.aggregate(_numbers_pipeline(lease_seconds)).to_list(None)
        return Numbers(**{name: found[0][name] for name in Numbers.__dataclass_fields__}) if found else Numbers()

    async def clients(self, limit: int) -> list[UsedClient]:
        """Return clients that token configs use, troubled ones first."""
        with translate():
            found = await self._clients.aggregate(clients_pipeline(limit)).to_list(None)
        return [UsedClient(client_from(each), each["tokens"], each.get("secret_ends")) for each in found]


def engine_from(document: Document) -> Engine:
    """Read the document."""
    fields: dict[str, Any] = {name: document[name] for name in Engine.__dataclass_fields__}
    return Engine(**{**fields, "heard": tuple(document["heard"])})


def _numbers_pipeline(lease_seconds: int) -> list[Document]:
    """Due ones of clients that may send; attempts under way fall due when their lease ends."""
    until = {"$add": ["$$NOW", lease_seconds * 1000]}  # milliseconds
    mine = {"$eq": ["$client", "$$client"]}
    due = [
        {"$match": {"$expr": {"$and": [mine, {"$gt": ["$due", None]}, {"$lte": ["$due", "$$NOW"]}]}}},
        {"$group": {"_id": None, "number": {"$sum": 1}, "first": {"$min": "$due"}}},
    ]
    leased = [
        {"$match": {"$expr": {"$and": [mine, {"$gt": ["$due", "$$NOW"]}, {"$lte": ["$due", until]}]}}},
        {"$match": {"$expr": {"$gt": ["$lease.until", "$$NOW"]}}},
        {"$count": "number"},
    ]
    may_send = {"$not": [{"$or": [IS_PAUSED, IS_HELD]}]}
    return [
        {"$set": {"may_send": may_send}},
        {"$lookup": {"from": "grants", "let": {"client": "$_id"}, "pipeline": due, "as": "due"}},
        {"$lookup": {"from": "grants", "let": {"client": "$_id"}, "pipeline": leased, "as": "leased"}},
        {"$set": {"due": {"$first": "$due"}, "leased": {"$first": "$leased"}}},
        {
            "$group": {
                "_id": None,
                "due_now": {"$sum": {"$cond": ["$may_send", {"$ifNull": ["$due.number", 0]}, 0]}},
                "first_due": {"$min": {"$cond": ["$may_send", "$due.first", "$$REMOVE"]}},
                "in_flight": {"$sum": {"$ifNull": ["$leased.number", 0]}},
            }
        },
    ]


def clients_pipeline(limit: int) -> list[Document]:
    """Clients that have configs, troubled ones first, with what their configs add up to."""
    used = [
        {"$match": {"$expr": {"$and": [{"$eq": ["$client", "$$client"]}, {"$eq": ["$deleted", False]}]}}},
        {
            "$group": {
                "_id": None,
                "tokens": {"$sum": 1},
                "secret_ends": {"$min": "$config.options.client_secret_ends"},
            }
        },
    ]
    troubled = {"$or": [IS_PAUSED, IS_HELD, {"$gt": ["$refused", None]}]}
    return [
        {"$set": {"troubled": troubled}},
        {"$sort": {"troubled": -1, "server": 1, "client_id": 1, "_id": 1}},
        {"$lookup": {"from": "grants", "let": {"client": "$_id"}, "pipeline": used, "as": "used"}},
        {"$unwind": "$used"},
        {"$limit": limit},
        {"$set": {"tokens": "$used.tokens", "secret_ends": "$used.secret_ends"}},
    ]
