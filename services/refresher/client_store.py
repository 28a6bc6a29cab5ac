"""The collection `clients`: one small document per client: its fault, its breaker, its secrets, its metadata.

Written only when one of these changes; readers join it, so that a fault of a client with 10,000 grants is one write.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
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

    async def _insert_missing(self, client: str, fields: Document) -> None:
        try:
            await self.collection.update_one({"_id": client}, {"$setOnInsert": fields}, upsert=True)
        except DuplicateKeyError:
            return  # another process met it first


def _from_now(seconds: float) -> Document:
    return {"$add": ["$$NOW", int(seconds * 1000)]}


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
