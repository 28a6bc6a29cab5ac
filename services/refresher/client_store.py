"""The collection `clients`: one small document per client: its fault, its breaker, its secrets, its metadata.

Written only when one of these changes; readers join it, so that a fault of a client with 10,000 grants is one write.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from grantkeeper.mongo.client import Database, Document, translate
from grantkeeper.mongo.fields import known
from grantkeeper.mongo.outbox import Entry, Pending, pushed
from grantkeeper.oauth2.discovery import Metadata
from schemas.reasons import AttemptClass
from services.refresher.domain.client import ClientName
from services.refresher.domain.client_secrets import ClientSecret
from services.refresher.store import COLLECTION as GRANTS

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
    openings: int = 0
    """How often in a row the breaker has opened; 0 = it is closed."""
    secrets: tuple[ClientSecret, ...] = ()
    refused: ClientSecret | None = None
    """The one that was refused while another worked, until there is a newer one."""
    held_until: datetime | None = None
    """The provider asked for patience: until then nothing is sent for this client."""
    metadata: Metadata | None = None
    metadata_at: datetime | None = None
    sequence: int = 0
    changed_at: datetime | None = None

    @property
    def is_paused(self) -> bool:
        """Whether nothing is sent but one grant at a time, as a probe."""
        return self.fault is not None or self.openings > 0


class ClientStore:
    """Reads and writes `clients`."""

    def __init__(self, database: Database) -> None:
        self.collection: AsyncIOMotorCollection[Document] = database[COLLECTION]

    async def prepare(self) -> None:
        """Make the index of clients that have a fault or a suspect."""
        with translate():
            await self.collection.create_index("fault", partialFilterExpression={"fault": {"$type": "object"}})

    async def meet(self, names: Sequence[ClientName], now: datetime) -> None:
        """Make the documents of clients that are new.

        One that was forgotten once goes on with a higher sequence: nobody takes its events for old ones.
        """
        for name in {name.hash: name for name in names}.values():
            fields = _document(Client(name.hash, name.server, name.client_id, sequence=int(now.timestamp() * 1000)))
            with translate():
                await self._insert_missing(name.hash, fields)

    async def read(self, client: str) -> Client | None:
        """Read one client."""
        with translate():
            found = await self.collection.find_one({"_id": client})
        return None if found is None else client_from(found)

    async def troubled(self) -> list[Client]:
        """Return the clients that have a fault or a suspect, are held, or have an open breaker."""
        held = {"$expr": {"$gt": ["$held_until", "$$NOW"]}}
        condition = {
            "$or": [{"fault": {"$ne": None}}, {"suspects.0": {"$exists": True}}, {"openings": {"$gt": 0}}, held]
        }
        with translate():
            return [client_from(document) async for document in self.collection.find(condition)]

    async def kept_secrets(self) -> list[str]:
        """Return every sealed client secret that a client keeps beside those of its token configs."""
        condition = {"secrets.0": {"$exists": True}}
        with translate():
            found = [each async for each in self.collection.find(condition, {"secrets.sealed": 1})]
        return [secret["sealed"] for client in found for secret in client["secrets"]]

    async def write(self, before: Client, after: Client, entries: Sequence[Entry], now: datetime) -> Pending | None:
        """Store what has changed of a client; None where another such write came first.

        Holds, probes and openings are set beside these writes, so what has not changed is left alone.
        """
        after = replace(after, sequence=before.sequence + 1, changed_at=now)
        update = pushed(entries, now) if entries else {"$set": {}}
        was = _document(before)
        update["$set"] |= {name: value for name, value in _document(after).items() if value != was[name]}
        condition = {"_id": before.hash, "sequence": before.sequence}
        with translate():
            found: Document | None = await self.collection.find_one_and_update(
                condition, update, return_document=ReturnDocument.BEFORE
            )
        if found is None:
            return None
        left = tuple(Entry.from_document(each) for each in found.get("outbox", ()))
        return Pending(before.hash, after.sequence, (*left, *entries))

    async def probe_after(self, client: str, seconds: float, *, unless_sooner: bool = False) -> None:
        """Set when a paused client is tried next; `unless_sooner` leaves it where somebody made it due meanwhile."""
        condition: Document = {"_id": client}
        if unless_sooner:
            condition["$expr"] = {"$gt": ["$probe_at", "$$NOW"]}
        with translate():
            await self.collection.update_one(condition, [{"$set": {"probe_at": _from_now(seconds)}}])

    async def open_breaker(self, client: str, before: int, seconds: float) -> bool:
        """Open a client's breaker once more; False where another process came first. `before` 0 = it was closed."""
        condition = {"_id": client, "openings": before or {"$in": [0, None]}}
        opened = {"openings": before + 1, "probe_at": _from_now(seconds)}
        with translate():
            result = await self.collection.update_one(condition, [{"$set": opened}])
        return result.modified_count == 1

    async def hold(self, client: str, seconds: float) -> None:
        """Send nothing for a client for so long; a longer hold stays."""
        until = {"$max": ["$held_until", _from_now(seconds)]}
        with translate():
            await self.collection.update_one({"_id": client}, [{"$set": {"held_until": until}}])

    async def unused(self, after: timedelta) -> list[Client]:
        """Note which clients no token config names, deleted ones counted; return those that were found so before.

        `after` is how long ago: who has just met a client may still be storing its config.
        """
        with translate():
            found = [document async for document in self.collection.aggregate(_unused_pipeline(after))]
            new = [document["_id"] for document in found if "unused_since" not in document]
            if new:
                await self.collection.update_many({"_id": {"$in": new}}, [{"$set": {"unused_since": "$$NOW"}}])
        return [client_from(document) for document in found if document["is_over"]]

    async def remove(self, client: Client) -> bool:
        """Delete an unused client that has nothing more to say; False where it has changed, or was met again."""
        condition = {"_id": client.hash, "sequence": client.sequence}
        condition |= {"unused_since": {"$exists": True}, "outbox_at": {"$exists": False}}
        with translate():
            result = await self.collection.delete_one(condition)
        return result.deleted_count == 1

    async def _insert_missing(self, client: str, fields: Document) -> None:
        try:
            update = {"$setOnInsert": fields, "$unset": {"unused_since": ""}}
            await self.collection.update_one({"_id": client}, update, upsert=True)
        except DuplicateKeyError:
            return  # another process met it first


def _from_now(seconds: float) -> Document:
    return {"$add": ["$$NOW", int(seconds * 1000)]}


def _unused_pipeline(after: timedelta) -> list[Document]:
    uses = [{"$match": {"$expr": {"$eq": ["$client", "$$client"]}}}, {"$limit": 1}, {"$project": {"_id": 1}}]
    since = {"$ifNull": ["$unused_since", "$$NOW"]}
    return [
        {"$lookup": {"from": GRANTS, "let": {"client": "$_id"}, "pipeline": uses, "as": "uses"}},
        {"$match": {"uses": []}},
        {"$set": {"is_over": {"$lt": [since, {"$subtract": ["$$NOW", int(after.total_seconds() * 1000)]}]}}},
    ]


def _document(client: Client) -> Document:
    fields = asdict(client)
    del fields["hash"]
    return fields


def client_from(document: Mapping[str, Any]) -> Client:
    """Read a whole document; one of before a field was added has its default."""
    names = Client.__dataclass_fields__.keys() - _READERS.keys() - {"hash"}
    fields: dict[str, Any] = {name: document[name] for name in names if name in document}
    read = {name: reader(document[name]) for name, reader in _READERS.items() if document.get(name) is not None}
    return Client(hash=document["_id"], **fields, **read)


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "fault": lambda fault: known(Fault, fault),
    "metadata": lambda metadata: known(Metadata, metadata),
    "suspects": tuple,
    "secrets": lambda secrets: tuple(known(ClientSecret, each) for each in secrets),
    "refused": lambda refused: known(ClientSecret, refused),
}
