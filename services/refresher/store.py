"""The collection `grants`: one document per grant, and every change one update of one document.

A write compares the sequence that it was computed from and is repeated on the newer document when that has moved: so a
change of the config never undoes a refresh, nor a refresh a change. Only waiters come and go without the sequence while
an attempt holds the lease: whoever ends the attempt gets them in the document that the write returns.
`$$NOW` is the only clock of leases and due times.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Final, TypeVar

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import ASCENDING, IndexModel, ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError

from grantkeeper.mongo.client import Database, translate
from grantkeeper.mongo.outbox import Entry, Pending, pushed, stored
from grantkeeper.names import name_key
from grantkeeper.process.clock import Ids
from grantkeeper.process.errors import Unavailable
from schemas.reasons import PublicState
from services.refresher.database_time import DatabaseTime
from services.refresher.document import (
    SERVABLE,
    WAITED_FOR,
    WHOLE,
    Document,
    changes,
    grant_changes,
    servable,
    to_document,
    waiter,
)
from services.refresher.domain.names import is_config_id, name_keys
from services.refresher.domain.record import Grant, Record, Servable, Waiter, adoption_of
from services.refresher.leases import claimable, lease_update, put_off, released, waiter_update
from services.refresher.reading import Reading

COLLECTION: Final = "grants"
BY_END: Final = "by_end"
UNTOLD: Final = "untold"
INDEXES: Final = (
    IndexModel([("client", ASCENDING), ("due", ASCENDING)], name="client_due"),
    IndexModel(
        [("client", ASCENDING), ("due", ASCENDING)],
        name="client_wished",
        partialFilterExpression={"wishes.0": {"$exists": True}},
    ),
    IndexModel(
        [("client", ASCENDING), ("due", ASCENDING)],
        name="client_waited",
        partialFilterExpression={"waiters.0": {"$exists": True}},
    ),
    IndexModel(
        [("client", ASCENDING), ("deleted", ASCENDING), ("config.options.client_secret_ends", ASCENDING)],
        name="of_client",
    ),
    IndexModel([("names", ASCENDING)], name="names"),
    IndexModel([("sorted_name", ASCENDING)], name="by_name"),
    IndexModel([("state", ASCENDING), ("sorted_name", ASCENDING)], name="by_state"),
    IndexModel([("state", ASCENDING), ("grant.expires_at", ASCENDING)], name=BY_END),
    IndexModel(
        [("client", ASCENDING), ("told.expired_token", ASCENDING)],
        name=UNTOLD,
        partialFilterExpression={"state": "expired"},
    ),
    IndexModel([("grant.fingerprint", ASCENDING)], name="fingerprint", sparse=True),
    IndexModel([("grant.previous_fingerprint", ASCENDING)], name="previous_fingerprint", sparse=True),
    IndexModel([("grant.authorization", ASCENDING)], name="authorization", sparse=True),
    IndexModel([("wishes.id", ASCENDING)], name="wish", sparse=True),
)

N = TypeVar("N", Record, Servable)


@dataclass(frozen=True, slots=True)
class Written:
    """What one write found: waiters and askers of the document as it was, events that are still to be published."""

    record: Record
    """As it is stored now."""
    before: Record
    """As the write found it; its waiters are those whom the writer has to answer."""
    pending: Pending
    """The events to publish: those of this write, behind what an earlier writer may have left."""


class GrantStore:
    """Reads and writes `grants`."""

    def __init__(self, database: Database, time: DatabaseTime, ids: Ids, reading: Reading) -> None:
        self.collection: AsyncIOMotorCollection[Document] = database[COLLECTION]
        self.time = time
        self._ids = ids
        self._reading = reading

    async def prepare(self) -> None:
        """Make the indexes and learn the database's time."""
        with translate():
            await self.collection.create_indexes(list(INDEXES))
            hello = await self.collection.database.command("hello")
        self.time.observe(hello["localTime"].replace(tzinfo=UTC))  # a command answers without zone

    async def read(self, config_id: str) -> Record | None:
        """Read one record; raises UnreadableDocument."""
        found = await self.read_all([config_id])
        return found.get(config_id)

    async def read_all(self, config_ids: Iterable[str]) -> dict[str, Record]:
        """Read records by id; what is not there is missing in the result; raises UnreadableDocument."""
        return {record.config_id: record for record in await self._find(_any_of(config_ids))}

    async def read_many(self, config_ids: Iterable[str]) -> dict[str, Record]:
        """Read what can be read of records by id."""
        with translate():
            documents = await self.collection.find(_any_of(config_ids), WHOLE).to_list(None)
        return {record.config_id: record for record in self._readable(documents)}

    async def resolve(self, references: Iterable[str]) -> dict[str, Record]:
        """Find the record of each reference: id, name or former name; a current name wins over a former one.

        Raises UnreadableDocument.
        """
        wanted = set(references)
        condition = _referred(wanted)
        return {} if condition is None else _by_reference(wanted, await self._find(condition))

    async def look_up(self, references: Iterable[str]) -> dict[str, Servable]:
        """Find as `resolve` does, only what is needed to hand out access tokens."""
        wanted = set(references)
        condition = _referred(wanted)
        if condition is None:
            return {}
        with translate():
            # Not `to_list`: motor hands its end back to the loop a second time, which each lone question waits for.
            documents = [document async for document in self.collection.find(condition, SERVABLE)]
        self._observe(documents)
        return _by_reference(wanted, [servable(document) for document in documents])

    async def insert(self, record: Record, entries: Sequence[Entry]) -> Written | None:
        """Store a new record; None where there is one already."""
        told = stored(entries, record.changed_at) if entries else {}
        document = {"_id": record.config_id, **to_document(record), **told}
        try:
            with translate():
                await self.collection.insert_one(document)
        except DuplicateKeyError:
            return None
        return Written(record, record, Pending(record.config_id, record.sequence, tuple(entries)))

    async def write(
        self,
        before: Record,
        after: Record,
        entries: Sequence[Entry],
        *,
        lease: str | None = None,
        answers_waiters: bool = False,
        mark: str | None = None,
    ) -> Written | None:
        """Store a settled record; None where the stored one has moved on.

        With `lease` it ends that attempt, `answers_waiters` takes its waiters out, and `mark` is left in the document.
        """
        condition: Document = {
            "_id": before.config_id,
            "sequence": before.sequence,
            "grant.generation": before.grant.generation,
        }
        if lease is None:
            update = _update(before, after, entries)
        else:
            condition["lease.token"] = lease
            update = ending_update(before, after, entries, answers_waiters, mark)
        with translate():
            found: Document | None = await self.collection.find_one_and_update(
                condition, update, projection=WAITED_FOR, return_document=ReturnDocument.BEFORE
            )
        if found is None:
            return None
        written = self._written(before, after, found, entries)
        return written if answers_waiters else replace(written, before=replace(before, waiters=()))

    async def keep(self, before: Record, grant: Grant) -> Record | None:
        """Store what differs in the grant and nothing else; None where the stored record has moved on."""
        fields = grant_changes(before.grant, grant)
        if not fields:
            return before
        condition = {"_id": before.config_id, "sequence": before.sequence}
        with translate():
            result = await self.collection.update_one(condition, {"$set": fields, "$inc": {"sequence": 1}})
        return replace(before, grant=grant, sequence=before.sequence + 1) if result.matched_count else None

    async def remove(self, record: Record) -> bool:
        """Delete a purged record; False where it has moved."""
        condition = {"_id": record.config_id, "sequence": record.sequence, "purged": True}
        with translate():
            result = await self.collection.delete_one(condition)
        return result.deleted_count == 1

    async def append_waiters(self, waiting: Mapping[str, tuple[int, Sequence[Waiter]]]) -> None:
        """Add waiters by config id, where the generation is still the one that was seen; make due what is free."""
        operations = [
            UpdateOne({"_id": config_id, "grant.generation": generation}, waiter_update(waiters))
            for config_id, (generation, waiters) in waiting.items()
        ]
        with translate():
            await self.collection.bulk_write(operations, ordered=False)

    async def claim(self, config_ids: Sequence[str]) -> list[Record]:
        """Take the lease of each record that is due and free; returns the records as they are under it."""
        token = self._ids.token(12)
        update = lease_update(token)
        if len(config_ids) == 1:
            condition = {"_id": config_ids[0], **claimable()}
            with translate():
                found: Document | None = await self.collection.find_one_and_update(
                    condition, update, projection=WHOLE, return_document=ReturnDocument.AFTER
                )
            return await self._workable([] if found is None else [found], token)
        with translate():
            result = await self.collection.update_many({"_id": {"$in": list(config_ids)}, **claimable()}, update)
        if result.modified_count == 0:
            return []
        mine = {"_id": {"$in": list(config_ids)}, "lease.token": token}
        with translate():
            found_mine = await self.collection.find(mine, WHOLE).to_list(None)
        return await self._workable(found_mine, token)

    async def _workable(self, claimed: Sequence[Document], token: str) -> list[Record]:
        """Read what was claimed; the lease of what cannot be read is given back, as nothing will be sent under it."""
        records = self._readable(claimed)
        if len(records) < len(claimed):
            readable = {record.config_id for record in records}
            await self._put_off([document["_id"] for document in claimed if document["_id"] not in readable], token)
        return records

    async def _put_off(self, config_ids: list[str], token: str) -> None:
        """Leave them to a process that can read them."""
        with suppress(Unavailable), translate():  # then their leases end by themselves, and the others are worked on
            await self.collection.update_many({"_id": {"$in": config_ids}, "lease.token": token}, put_off())

    async def release(self, record: Record) -> None:
        """Give a lease back under which nothing was sent."""
        if record.lease is None:
            return
        condition = {"_id": record.config_id, "lease.token": record.lease.token}
        with translate():
            await self.collection.update_one(condition, released())

    async def note_use(self, days: Mapping[tuple[str, str], str]) -> None:
        """Note who got which access token on which day: {(config id, principal): ISO date}."""
        operations = [
            UpdateOne({"_id": config_id}, {"$set": {f"used_by.{principal}": day}})
            for (config_id, principal), day in days.items()
        ]
        if operations:
            with translate():
                await self.collection.bulk_write(operations, ordered=False)

    async def holders(self, fingerprint: str, but: str) -> list[str]:
        """Return the ids of other records that hold the refresh token of this fingerprint, or adopted it once.

        Where the provider replaces refresh tokens, that they adopted it is all that is left of it.
        """
        adopted = {"grant.authorization": adoption_of(fingerprint)}
        held = [{"grant.fingerprint": fingerprint}, {"grant.previous_fingerprint": fingerprint}]
        return await self._others({"$or": [*held, adopted]}, but)

    async def adopters(self, fingerprint: str, record: Record) -> list[str]:
        """Return the ids of other records that are to adopt the refresh token of this fingerprint before `record`.

        Of those with a lease the earliest is first: it may have looked before the others came, but not they before it.
        """
        condition: Document = {"wishes.id": adoption_of(fingerprint)}
        if record.lease is not None:
            same_time = {"lease.until": record.lease.until, "_id": {"$lt": record.config_id}}
            condition["$or"] = [{"lease.until": {"$lt": record.lease.until}}, same_time]
        return await self._others(condition, record.config_id)

    async def _others(self, condition: Document, but: str) -> list[str]:
        with translate():
            found = self.collection.find({"$and": [condition, {"_id": {"$ne": but}}]}, {"_id": 1})
            return [document["_id"] async for document in found]

    async def count_of_client(self, client: str) -> int:
        """Return how many records use a client."""
        with translate():
            return await self.collection.count_documents({"client": client, "deleted": False})

    async def has_others(self, client: str, but: str) -> bool:
        """Tell whether another record of a client has a grant, and could confirm what this one met."""
        condition = {"client": client, "deleted": False, "grant.state": "authorized", "_id": {"$ne": but}}
        with translate():
            return await self.collection.find_one(condition, {"_id": 1}) is not None

    async def walk(self, after: str, limit: int) -> tuple[list[Record], str | None]:
        """Return the next records by id, and after which id to go on; None = these were the last."""
        with translate():
            documents = (
                await self.collection.find({"_id": {"$gt": after}}, WHOLE).sort("_id").limit(limit).to_list(None)
            )
        return self._readable(documents), documents[-1]["_id"] if len(documents) == limit else None

    async def page(self, query: Document, sort: list[tuple[str, int]], offset: int, limit: int) -> list[Record]:
        """Return one page of the records that a query selects."""
        with translate():
            cursor = self.collection.find(query, WHOLE).sort(sort).skip(offset).limit(limit)
            return self._readable(await cursor.to_list(None))

    async def count_states(self, query: Document, faulty: list[str], hidden: list[str]) -> dict[PublicState, int]:
        """Count the records of each public state; `hidden` ones of `faulty` clients count as client_fault."""
        is_hidden = {"$and": [{"$in": ["$client", faulty]}, {"$in": ["$state", hidden]}]}
        shown = {"$cond": [is_hidden, "client_fault", "$state"]}
        pipeline = [{"$match": query}, {"$group": {"_id": shown, "number": {"$sum": 1}}}]
        with translate():
            return {row["_id"]: row["number"] async for row in self.collection.aggregate(pipeline)}

    async def _find(self, condition: Document) -> list[Record]:
        with translate():
            documents = await self.collection.find(condition, WHOLE).to_list(None)
        self._observe(documents)
        return self._reading.whole(documents)

    def _readable(self, documents: Sequence[Document]) -> list[Record]:
        self._observe(documents)
        return self._reading.readable(documents)

    def _observe(self, documents: Sequence[Document]) -> None:
        if documents:
            self.time.observe(documents[0]["now"])

    def _written(self, before: Record, after: Record, found: Document, entries: Sequence[Entry]) -> Written:
        self.time.observe(found["now"])
        left = tuple(Entry.from_document(entry) for entry in found.get("outbox", ()))
        waiters = tuple(waiter(each) for each in found["waiters"])
        pending = Pending(after.config_id, after.sequence, (*left, *entries))
        return Written(after, replace(before, waiters=waiters), pending)


def _any_of(config_ids: Iterable[str]) -> Document:
    return {"_id": {"$in": list(config_ids)}}


def _update(before: Record, after: Record, entries: Sequence[Entry]) -> Document:
    update = pushed(entries, after.changed_at) if entries else {"$set": {}}
    update["$set"] |= changes(before, after)
    return update


def ending_update(
    before: Record,
    after: Record,
    entries: Sequence[Entry],
    answers_waiters: bool,  # noqa: FBT001
    mark: str | None,
) -> Document:
    """Return the update that ends an attempt: the lease goes, and the waiters where they are answered."""
    update = _update(before, after, entries)
    update["$set"] |= {"lease": None, "mark": mark, **({"waiters": []} if answers_waiters else {})}
    return update


def _referred(references: Iterable[str]) -> Document | None:
    ids = [reference for reference in references if is_config_id(reference)]
    names = [name_key(reference) for reference in references if not is_config_id(reference)]
    conditions: list[Document] = [{"_id": {"$in": ids}}] if ids else []
    conditions += [{"names": {"$in": names}}] if names else []
    if len(conditions) > 1:
        return {"$or": conditions}
    return conditions[0] if conditions else None


def _by_reference(wanted: set[str], found: Sequence[N]) -> dict[str, N]:
    """Give each reference what it means; a current name wins over a former one."""
    by_id = {one.config_id: one for one in found}
    means = {reference: by_id[reference] for reference in wanted if reference in by_id}
    names = [reference for reference in wanted if not is_config_id(reference)]
    if names:
        by_name = _by_name(found)
        means |= {name: by_name[key] for name in names if (key := name_key(name)) in by_name}
    return means


def _by_name(found: Sequence[N]) -> dict[str, N]:
    by_name: dict[str, N] = {}
    for one in found:
        for key in name_keys(one.name, one.former_names)[1:]:
            by_name.setdefault(key, one)
    return by_name | {name_key(one.name): one for one in found}
