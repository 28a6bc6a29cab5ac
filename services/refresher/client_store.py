"""The collection `clients`: one small document per client: its fault, who is suspected of it, its metadata.

Written only when one of these changes; readers join it, so that a fault of a client with 10,000 grants is one write.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from grantkeeper.mongo.client import Database, Document, translate
from grantkeeper.mongo.outbox import Entry, Pending, pushed
from grantkeeper.oauth2.discovery import Metadata
from schemas.reasons import AttemptClass
from services.refresher.domain.client import ClientName

COLLECTION: Final = "clients"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a client is paused."""

    meaning: AttemptClass
    code: str
    text: str
    cure_id: str
    cure: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Client:
    """One document."""

    hash: str
    server: str
    client_id: str
    fault: Fault | None = None
    suspects: tuple[str, ...] = ()
    """Configs whose token was refused for the client's sake, before a second one confirmed it."""
    probe_at: datetime | None = None
    """When one grant of a paused client is tried."""
    held_until: datetime | None = None
    """The provider asked for patience: until then nothing is sent for this client."""
    metadata: Metadata | None = None
    metadata_at: datetime | None = None
    sequence: int = 0
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DueGrant:
    """One grant that is due, and whether it would be the probe of a paused client."""

    config_id: str
    client: str
    is_probe: bool


class ClientStore:
    """Reads and writes `clients`; knows which grants are due, since paused clients' are not."""

    def __init__(self, database: Database) -> None:
        self.collection: AsyncIOMotorCollection[Document] = database[COLLECTION]

    async def prepare(self) -> None:
        """Make the index of clients that have a fault or a suspect."""
        with translate():
            await self.collection.create_index("fault", partialFilterExpression={"fault": {"$type": "object"}})

    async def meet(self, names: Sequence[ClientName]) -> None:
        """Make the documents of clients that are new."""
        for name in {name.hash: name for name in names}.values():
            fields = _document(Client(name.hash, name.server, name.client_id))
            with translate():
                await self._insert_missing(name.hash, fields)

    async def read(self, client: str) -> Client | None:
        """Read one client."""
        with translate():
            found = await self.collection.find_one({"_id": client})
        return None if found is None else client_from(found)

    async def troubled(self) -> list[Client]:
        """Return the clients that have a fault or a suspect, or are held."""
        held = {"$expr": {"$gt": ["$held_until", "$$NOW"]}}
        condition = {"$or": [{"fault": {"$ne": None}}, {"suspects.0": {"$exists": True}}, held]}
        with translate():
            return [client_from(document) async for document in self.collection.find(condition)]

    async def write(self, before: Client, after: Client, entries: Sequence[Entry], now: datetime) -> Pending | None:
        """Store a client; None where it was changed meanwhile."""
        after = replace(after, sequence=before.sequence + 1, changed_at=now)
        update = pushed(entries, now) if entries else {"$set": {}}
        update["$set"] |= _document(after)
        condition = {"_id": before.hash, "sequence": before.sequence}
        with translate():
            found: Document | None = await self.collection.find_one_and_update(
                condition, update, return_document=ReturnDocument.BEFORE
            )
        if found is None:
            return None
        left = tuple(Entry.from_document(each) for each in found.get("outbox", ()))
        return Pending(before.hash, after.sequence, (*left, *entries))

    async def due(self, per_client: int) -> list[DueGrant]:
        """Return grants that are due by the database's clock: at most `per_client` of each client, one if it is paused.

        One index key is examined per grant that is returned, and one document per client. Grants with a wish come
        besides, whatever their client's state: an admin who asks is answered by the provider.
        """
        with translate():
            found = await self.collection.aggregate(_due_pipeline(per_client)).to_list(None)
        return [DueGrant(each["config_id"], each["_id"], each["paused"]) for each in found]

    async def postpone_probe(self, client: str, seconds: float) -> bool:
        """Take the right to probe a paused client; False where another process has."""
        condition = {"_id": client, "$expr": {"$lte": ["$probe_at", "$$NOW"]}}
        until = {"$add": ["$$NOW", int(seconds * 1000)]}
        with translate():
            result = await self.collection.update_one(condition, [{"$set": {"probe_at": until}}])
        return result.modified_count == 1

    async def hold(self, client: str, seconds: float) -> None:
        """Send nothing for a client for so long; a longer hold stays."""
        until = {"$max": ["$held_until", {"$add": ["$$NOW", int(seconds * 1000)]}]}
        with translate():
            await self.collection.update_one({"_id": client}, [{"$set": {"held_until": until}}])

    async def _insert_missing(self, client: str, fields: Document) -> None:
        try:
            await self.collection.update_one({"_id": client}, {"$setOnInsert": fields}, upsert=True)
        except DuplicateKeyError:
            return  # another process met it first


def _due_pipeline(per_client: int) -> list[Document]:
    is_due = [{"$eq": ["$client", "$$client"]}, {"$gt": ["$due", None]}, {"$lte": ["$due", "$$NOW"]}]
    paused = {"$ne": ["$fault", None]}
    may_send = {"$or": [{"$not": [paused]}, {"$lte": ["$probe_at", "$$NOW"]}]}
    grants = [
        {"$match": {"$expr": {"$and": is_due}}},
        {"$sort": {"due": 1}},
        {"$limit": per_client},
        {"$project": {"_id": 1}},
    ]
    wished = [
        {"$match": {"wishes.0": {"$exists": True}, "$expr": {"$lte": ["$due", "$$NOW"]}}},
        {"$limit": per_client},
        {"$project": {"_id": "$client", "config_id": "$_id", "paused": {"$literal": False}}},
    ]
    return [
        {"$match": {"$expr": {"$and": [may_send, {"$lte": ["$held_until", "$$NOW"]}]}}},
        {"$lookup": {"from": "grants", "let": {"client": "$_id"}, "pipeline": grants, "as": "due"}},
        {"$set": {"paused": paused}},
        {"$set": {"due": {"$cond": ["$paused", {"$slice": ["$due", 1]}, "$due"]}}},
        {"$unwind": "$due"},
        {"$project": {"config_id": "$due._id", "paused": 1}},
        {"$unionWith": {"coll": "grants", "pipeline": wished}},
    ]


def _document(client: Client) -> Document:
    fields = asdict(client)
    del fields["hash"]
    return fields


def client_from(document: Mapping[str, Any]) -> Client:
    """Read a whole document."""
    names = Client.__dataclass_fields__.keys() - {"hash", "fault", "metadata", "suspects"}
    fields: dict[str, Any] = {name: document[name] for name in names}
    fault, metadata = document["fault"], document["metadata"]
    return Client(
        hash=document["_id"],
        fault=None if fault is None else Fault(**fault),
        metadata=None if metadata is None else _metadata(metadata),
        suspects=tuple(document["suspects"]),
        **fields,
    )


def _metadata(document: Document) -> Metadata:
    fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in document.items()}
    return Metadata(**fields)
