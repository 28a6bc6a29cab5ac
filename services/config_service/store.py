"""Where token configs are kept: `token_configs`, their last revisions, and `token_config_history`, all of them.

A name is held by one config alone, the former ones included: a unique index over `name_keys` sees to it, whatever two
processes decide at once. The parsed form is kept as JSON text: parameter names may hold what MongoDB reads into keys
(`.`, `$`), and nobody searches in it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING, InsertOne, ReplaceOne

from grantkeeper.mongo import outbox
from grantkeeper.mongo.client import Database, Document, translate
from grantkeeper.mongo.outbox import Entry, Outbox, Pending
from grantkeeper.mongo.transaction import Conflict, Session
from grantkeeper.names import name_key
from schemas.config_events import ConfigChanged, ConfigPurged
from schemas.config_results import HistoryEntry
from schemas.token_config import TokenConfig
from services.config_service.domain.difference import difference
from services.config_service.domain.values import Change, StoredConfig

SCHEMA_VERSION: Final = 1
"""Of the parsed form: raised when `TokenConfig` changes so that stored ones must be read from their text again."""


class ConfigStore:
    """The only reader and writer of both collections; raises Unavailable while MongoDB is away."""

    def __init__(self, database: Database) -> None:
        self._configs = database["token_configs"]
        self.outbox = Outbox(self._configs, _entries)
        self._history = database["token_config_history"]

    async def prepare(self) -> None:
        """Make the indexes."""
        with translate():
            await self._configs.create_index("name_keys", unique=True, sparse=True)
            await self._configs.create_index("deleted_at", partialFilterExpression={"deleted_at": {"$type": "date"}})
            await self._history.create_index([("config_id", ASCENDING), ("revision", DESCENDING)], unique=True)
        await self.outbox.ensure_index()

    async def ids_in_use(self, config_ids: Iterable[str], session: Session | None) -> frozenset[str]:
        """Return which ids are used, be it by a config that is being purged."""
        with translate():
            found = self._configs.find({"_id": {"$in": list(config_ids)}}, {"_id": True}, session=session)
            return frozenset([document["_id"] async for document in found])

    async def get(self, config_id: str, session: Session | None = None) -> StoredConfig | None:
        """Return a config by its id."""
        with translate():
            document = await self._configs.find_one({"_id": config_id, **_LIVING}, session=session)
        return None if document is None else _stored(document)

    async def find(self, reference: str) -> StoredConfig | None:
        """Return a config by id, name or former name."""
        with translate():
            documents = await self._configs.find(
                {"$or": [{"_id": reference}, {"name_keys": name_key(reference)}], **_LIVING}
            ).to_list(2)
        by_id = sorted(documents, key=lambda document: document["_id"] != reference)
        return _stored(by_id[0]) if by_id else None

    async def holders(self, names: Iterable[str], session: Session | None = None) -> dict[str, StoredConfig]:
        """Return who holds which names, by the name's key."""
        keys = {name_key(name) for name in names}
        with translate():
            documents = await self._configs.find({"name_keys": {"$in": list(keys)}}, session=session).to_list(None)
        return {key: _stored(document) for document in documents for key in keys.intersection(document["name_keys"])}

    async def write(self, changes: Sequence[Change], session: Session) -> tuple[Pending, ...]:
        """Store changes with their history; return what is to be published. Raises Conflict where another was faster.

        What is to be published is stored too, in the same documents.
        """
        if not changes:
            return ()
        told = [_changed(change.after) for change in changes]
        operations = [_operation(change, entry) for change, entry in zip(changes, told, strict=True)]
        with translate():
            result = await self._configs.bulk_write(operations, session=session)
            await self._history.insert_many([_history(change) for change in changes], session=session)
        if result.inserted_count + result.matched_count != len(changes):
            raise Conflict
        return tuple(
            Pending(change.after.config_id, change.after.sequence, (entry,))
            for change, entry in zip(changes, told, strict=True)
        )

    async def page(self, after: str, limit: int, among: Sequence[str] | None) -> list[StoredConfig]:
        """Return configs by id, those after `after`: of the given ids, else all that are not deleted."""
        selection: Document = {"_id": {"$gt": after}, **_LIVING}
        if among is None:
            selection["deleted_at"] = None
        else:
            selection["_id"]["$in"] = list(among)
        with translate():
            documents = await self._configs.find(selection).sort("_id", ASCENDING).limit(limit).to_list(limit)
        return [_stored(document) for document in documents]

    async def purge(self, deleted_before: datetime, now: datetime, limit: int) -> list[Pending]:
        """Begin to forget configs: their names are free, their end is to be published."""
        selection = {"deleted_at": {"$lt": deleted_before}, **_LIVING}
        with translate():
            documents = await self._configs.find(selection).limit(limit).to_list(limit)
            return [pending for document in documents if (pending := await self._purge(document, now)) is not None]

    async def _purge(self, document: Document, now: datetime) -> Pending | None:
        config_id, sequence = document["_id"], document["sequence"] + 1
        entries = _purged(config_id, document["revision"], sequence, now)
        fields = {"purged_at": now, "sequence": sequence, **outbox.stored(entries, now)}
        result = await self._configs.update_one(
            {"_id": config_id, "sequence": document["sequence"]}, {"$set": fields, "$unset": {"name_keys": ""}}
        )
        return Pending(config_id, sequence, entries) if result.matched_count else None

    async def forget(self) -> int:
        """Remove the configs whose end was published, with their history; return how many."""
        told = {"purged_at": {"$type": "date"}, "outbox_at": {"$exists": False}}
        with translate():
            ids = [document["_id"] async for document in self._configs.find(told, {"_id": True})]
            await self._history.delete_many({"config_id": {"$in": ids}})
            await self._configs.delete_many({"_id": {"$in": ids}, **told})
        return len(ids)

    async def history(self, config_id: str, before: int | None, limit: int) -> list[HistoryEntry]:
        """Return revisions, newest first, those before `before`."""
        selection: Document = {"config_id": config_id}
        if before is not None:
            selection["revision"] = {"$lt": before}
        with translate():
            cursor = self._history.find(selection, {"_id": False, "config_id": False})
            documents = await cursor.sort("revision", DESCENDING).limit(limit).to_list(limit)
        return [HistoryEntry.read(document) for document in documents]


_LIVING: Final[Document] = {"purged_at": None}


def _entries(document: Mapping[str, Any]) -> tuple[Entry, ...]:
    """Tell the whole current state of a document."""
    if document.get("purged_at") is None:
        return (_changed(_stored(document)),)
    return _purged(document["_id"], document["revision"], document["sequence"], document["purged_at"])


def _changed(one: StoredConfig) -> Entry:
    message = ConfigChanged(
        config_id=one.config_id,
        revision=one.revision,
        sequence=one.sequence,
        config=one.config,
        former_names=one.resolving_names,
        deleted=one.deleted_at is not None,
        actor=one.changed_by,
    )
    return _entry(message, one.config_id, one.sequence, one.changed_at)


def _purged(config_id: str, revision: int, sequence: int, at: datetime) -> tuple[Entry, ...]:
    told = _entry(ConfigPurged(config_id=config_id, revision=revision, sequence=sequence), config_id, sequence, at)
    return told, replace(told, id=f"{told.id}.tombstone", value=None)


def _entry(message: ConfigChanged | ConfigPurged, config_id: str, sequence: int, at: datetime) -> Entry:
    return Entry(
        id=f"{config_id}.{sequence}",  # published twice, it is the same event
        topic=message.TOPIC,
        type=message.TYPE,
        key=config_id,
        subject=config_id,
        time=at,
        value=message.model_dump_json(),
    )


def _operation(change: Change, entry: Entry) -> InsertOne[Document] | ReplaceOne[Document]:
    document = _document(change, entry)
    if change.before is None:
        return InsertOne(document)
    return ReplaceOne({"_id": change.before.config_id, "revision": change.before.revision}, document)


def _document(change: Change, entry: Entry) -> Document:
    one = change.after
    document = {
        "_id": one.config_id,
        "name": one.config.name,
        "name_keys": [name_key(name) for name in one.held_names],
        "former_names": list(one.former_names),
        "text": one.text,
        "text_sha256": sha256(one.text.encode()).hexdigest(),
        "config": one.config.model_dump_json(exclude_defaults=True),
        "schema_version": SCHEMA_VERSION,
        "revision": one.revision,
        "sequence": one.sequence,
        "created_at": one.created_at,
        "created_by": one.created_by,
        "changed_at": one.changed_at,
        "changed_by": one.changed_by,
        "secret_set_at": one.secret_set_at,
        "deleted_at": one.deleted_at,
        "name_released": one.name_released,
        "import_id": one.import_id,
        # The topic holds states: an event that was not published yet is overtaken by this one.
        **outbox.stored([entry], one.changed_at),
    }
    if not document["name_keys"]:
        del document["name_keys"]  # a sparse index knows absent, but takes two empty lists for the same name
    return document


def _stored(document: Mapping[str, Any]) -> StoredConfig:
    return StoredConfig(
        config_id=document["_id"],
        config=TokenConfig.read(document["config"]),
        text=document["text"],
        revision=document["revision"],
        sequence=document["sequence"],
        created_at=document["created_at"],
        created_by=document["created_by"],
        changed_at=document["changed_at"],
        changed_by=document["changed_by"],
        secret_set_at=document.get("secret_set_at"),  # a document of an earlier version does not know
        former_names=tuple(document["former_names"]),
        deleted_at=document["deleted_at"],
        name_released=document["name_released"],
        import_id=document["import_id"],
    )


def _history(change: Change) -> Document:
    before = "" if change.before is None else change.before.text
    return {
        "config_id": change.after.config_id,
        "revision": change.after.revision,
        "at": change.author.at,
        "actor": change.author.actor,
        "principal": change.author.principal,
        "action": change.action,
        "changed": list(change.changed),
        "difference": [] if change.before is None else list(difference(before, change.after.text)),
    }
