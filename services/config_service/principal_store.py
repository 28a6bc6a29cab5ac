"""Where principals are kept: collection `principals`, published through the outbox in the same document."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from grantkeeper.mongo import outbox
from grantkeeper.mongo.client import Database, Document, translate
from grantkeeper.mongo.outbox import Entry, Outbox, Pending
from grantkeeper.mongo.transaction import Conflict, Session
from services.config_service.domain.principals import PrincipalChange, StoredPrincipal


class PrincipalStore:
    """The only reader and writer of the collection; raises Unavailable while MongoDB is away."""

    def __init__(self, database: Database) -> None:
        self._principals = database["principals"]
        self.outbox = Outbox(self._principals, _entries)

    async def prepare(self) -> None:
        """Make the index."""
        await self.outbox.ensure_index()

    async def get(self, principal: str, session: Session) -> StoredPrincipal | None:
        """Return a principal."""
        with translate():
            document = await self._principals.find_one({"_id": principal}, session=session)
        return None if document is None else _stored(document)

    async def is_last_admin(self, one: StoredPrincipal | None, session: Session) -> bool:
        """Tell whether no other enabled admin is left.

        The other one is touched, not only read: two admins who disable each other at once collide here, and the second
        one decides again.
        """
        if one is None or one.role != "admin" or one.disabled:
            return False
        others = {"_id": {"$ne": one.id}, "role": "admin", "disabled": False}
        with translate():
            other = await self._principals.find_one_and_update(others, {"$inc": {"counted_on": 1}}, session=session)
        return other is None

    async def write(self, change: PrincipalChange, at: datetime, session: Session) -> None:
        """Store a change and what is to be published; raises Conflict where another was faster."""
        document = _document(change.after, at)
        with translate():
            if change.before is None:
                await self._principals.insert_one(document, session=session)
                return
            selection = {"_id": change.before.id, "sequence": change.before.sequence}
            result = await self._principals.replace_one(selection, document, session=session)
        if result.matched_count == 0:
            raise Conflict

    async def insert_missing(self, one: StoredPrincipal, at: datetime) -> bool:
        """Insert a principal unless there is one of this id; tell whether it was inserted."""
        try:
            with translate():
                await self._principals.insert_one(_document(one, at))
        except DuplicateKeyError:
            return False
        return True

    async def page(self, after: str, limit: int) -> list[StoredPrincipal]:
        """Return principals whose ids come after one, by id."""
        with translate():
            found = self._principals.find({"_id": {"$gt": after}}).sort("_id", ASCENDING).limit(limit)
            return [_stored(document) async for document in found]

    async def all(self) -> list[StoredPrincipal]:
        """Return all principals by id."""
        with translate():
            documents = await self._principals.find().sort("_id", ASCENDING).to_list(None)
        return [_stored(document) for document in documents]


def pending(one: StoredPrincipal, at: datetime) -> Pending:
    """Return what a principal's state has to publish."""
    return Pending(one.id, one.sequence, (_entry(one, at),))


def _entries(document: Mapping[str, Any]) -> Sequence[Entry]:
    return (_entry(_stored(document), document["changed_at"]),)


def _entry(one: StoredPrincipal, at: datetime) -> Entry:
    message = one.message()
    return Entry(
        id=f"{one.id}.{one.sequence}",
        topic=message.TOPIC,
        type=message.TYPE,
        key=one.id,
        subject=one.id,
        time=at,
        value=message.model_dump_json(),
    )


def _document(one: StoredPrincipal, at: datetime) -> Document:
    return {
        "_id": one.id,
        "role": one.role,
        "version": one.version,
        "disabled": one.disabled,
        "acts_for_users": one.acts_for_users,
        "configs": None if one.configs is None else list(one.configs),
        "description": one.description,
        "sequence": one.sequence,
        "changed_at": at,
        **outbox.stored([_entry(one, at)], at),
    }


def _stored(document: Mapping[str, Any]) -> StoredPrincipal:
    configs = document["configs"]
    return StoredPrincipal(
        id=document["_id"],
        role=document["role"],
        version=document["version"],
        disabled=document["disabled"],
        acts_for_users=document["acts_for_users"],
        configs=None if configs is None else tuple(configs),
        description=document["description"],
        sequence=document["sequence"],
    )
