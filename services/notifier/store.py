"""Where notifications are kept: `notifications`, one document per cause, and `notification_guards`.

A guard keeps the highest sequence that was heard of a cause or a config without leaving a notification: an older event
that comes later must not open one. A write compares what it was decided on; who was outrun reads and decides again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError

from grantkeeper.mongo import outbox
from grantkeeper.mongo.client import Database, Document, translate
from grantkeeper.mongo.outbox import Entry, Outbox, Pending
from schemas.admin_notifications import NotificationChanged
from schemas.reasons import NotificationKind, NotificationState
from services.notifier.domain import Notification, Told

GUARDS_KEPT: Final = timedelta(days=30)
"""Far beyond the 7 days that `expiry.events` keeps a message."""
TELL_LEASE: Final = timedelta(minutes=5)
"""How long one process has for telling what it claimed; it begins nothing in the second half."""
FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)
"""Between two tries at a channel that fails, doubled each time."""

Say = Callable[[Notification], NotificationChanged]


@dataclass(frozen=True, slots=True)
class Telling:
    """A notification claimed for the channels."""

    notification: Notification
    told: Told
    done: frozenset[str]
    """Channels that know already."""
    tries: int


class NotificationStore:
    """The only reader and writer of both collections; raises Unavailable while MongoDB is away."""

    def __init__(self, database: Database, say: Say, wait: timedelta) -> None:
        self._notifications = database["notifications"]
        self._guards = database["notification_guards"]
        self._say = say
        self._wait = wait
        self.outbox = Outbox(self._notifications, self._entries)

    async def prepare(self) -> None:
        """Make the indexes."""
        with translate():
            await self._notifications.create_index([("state", ASCENDING), ("opened_at", DESCENDING)])
            await self._notifications.create_index("config_id")
            for field in ("remind_at", "resolved_at", "tell_at"):
                dates = {field: {"$type": "date"}}
                await self._notifications.create_index(field, partialFilterExpression=dates)
            await self._notifications.create_index("tell_token", sparse=True)
            await self._guards.create_index("at", expireAfterSeconds=int(GUARDS_KEPT.total_seconds()))
        await self.outbox.ensure_index()

    async def get(self, cause: str) -> Notification | None:
        """Return the notification of a cause."""
        with translate():
            document = await self._notifications.find_one({"_id": cause})
        return None if document is None else _read(document)

    async def heard(self, cause: str, config_id: str | None) -> int:
        """Return the highest sequence heard of a cause or its config without leaving a notification."""
        with translate():
            guards = await self._guards.find({"_id": {"$in": [cause, config_id]}}).to_list(2)
        return max((guard["sequence"] for guard in guards), default=0)

    async def hear(self, subject: str, sequence: int, at: datetime) -> None:
        """Remember that something was heard of a cause or a config."""
        with translate():
            await self._guards.update_one({"_id": subject}, {"$max": {"sequence": sequence, "at": at}}, upsert=True)

    async def causes_of(self, config_id: str) -> list[str]:
        """Return the causes of one config whose notifications are not resolved."""
        selection = {"config_id": config_id, "state": {"$ne": "resolved"}}
        with translate():
            return [document["_id"] async for document in self._notifications.find(selection, {"_id": True})]

    async def write(self, before: Notification | None, after: Notification, now: datetime) -> Pending | None:
        """Store a change with what is to be published of it; None = another writer was faster, decide again."""
        entry = self._entry(after, now)
        document = {**_document(after), "forgotten_at": None, **outbox.stored([entry], now)}
        if before is None or after.pending != before.pending or after.news_sequence != before.news_sequence:
            document |= {
                "tell_at": None if after.pending is None else now + self._wait,
                "tell_done": [],
                "tell_tries": 0,
            }
        with translate():
            written = await (self._insert(after.cause, document) if before is None else self._update(before, document))
        return Pending(after.cause, after.sequence, (entry,)) if written else None

    async def _insert(self, cause: str, document: Document) -> bool:
        try:
            await self._notifications.insert_one({"_id": cause, **document})
        except DuplicateKeyError:
            return False
        return True

    async def _update(self, before: Notification, document: Document) -> bool:
        # `pending` and `told_at` change without a sequence when the channels were told.
        decided_on = {
            "_id": before.cause,
            "sequence": before.sequence,
            "pending": before.pending,
            "told_at": before.told_at,
        }
        result = await self._notifications.update_one(decided_on, {"$set": document})
        return result.matched_count == 1

    async def to_remind_of(self, now: datetime, limit: int) -> list[Notification]:
        """Return notifications whose reminder is due."""
        with translate():
            documents = await self._notifications.find({"remind_at": {"$lte": now}}).limit(limit).to_list(limit)
        return [_read(document) for document in documents]

    async def page(
        self, states: Sequence[NotificationState], offset: int, limit: int
    ) -> tuple[list[Notification], int]:
        """Return notifications in these states, newest first, and how many there are."""
        selection = {"state": {"$in": list(states)}, "forgotten_at": None}
        with translate():
            total = await self._notifications.count_documents(selection)
            found = self._notifications.find(selection).sort([("opened_at", DESCENDING), ("_id", ASCENDING)])
            documents = await found.skip(offset).limit(limit).to_list(limit)
        return [_read(document) for document in documents], total

    async def unresolved(self) -> dict[NotificationKind, int]:
        """Return how many notifications of each kind are not resolved."""
        counting: list[Document] = [
            {"$match": {"state": {"$ne": "resolved"}}},
            {"$group": {"_id": "$kind", "count": {"$sum": 1}}},
        ]
        with translate():
            return {row["_id"]: row["count"] async for row in self._notifications.aggregate(counting)}

    async def claim_tellings(self, token: str, now: datetime) -> list[Telling]:
        """Take what the channels are to be told, as soon as one has waited long enough: all that still wait go along.

        Nobody else gets them for the time of the lease.
        """
        due = {"tell_at": {"$lte": now}}
        waiting = {"tell_at": {"$type": "date"}, "tell_tries": 0, "tell_token": None}
        claim = {"$set": {"tell_at": now + TELL_LEASE, "tell_token": token}}
        with translate():
            if await self._notifications.find_one(due, {"_id": True}) is None:
                return []
            await self._notifications.update_many({"$or": [due, waiting]}, claim)
            documents = await self._notifications.find({"tell_token": token}).to_list(None)
        return [_telling(document) for document in documents if document["pending"] is not None]

    async def unchanged(self, group: Sequence[Telling], token: str) -> list[Telling]:
        """Return those that are still to be told as they were when they were claimed."""
        claimed = {"_id": {"$in": [one.notification.cause for one in group]}, "tell_token": token}
        with translate():
            documents = await self._notifications.find(claimed).to_list(None)
        now = {document["_id"]: (document["pending"], document["news_sequence"]) for document in documents}
        return [one for one in group if now.get(one.notification.cause) == (one.told, one.notification.news_sequence)]

    async def told(self, telling: Telling, token: str, done: frozenset[str], now: datetime, *, complete: bool) -> None:
        """Note which channels know; where one does not, it is tried again later.

        What has changed since it was claimed has a pause of its own and stays due. What was resolved untold meanwhile
        is told now: who heard that it broke hears that it works.
        """
        one = telling.notification
        pause = min(FIRST_PAUSE * 2 ** min(telling.tries, 10), LONGEST_PAUSE)
        rest: Document = {"pending": None, "tell_at": None} if complete else {"tell_at": now + pause}
        known: Document = {"told_at": now} if done else {}
        claimed = {"_id": one.cause, "tell_token": token, "pending": telling.told, "news_sequence": one.news_sequence}
        change = {"tell_done": sorted(done), "tell_tries": telling.tries + 1, "tell_token": None, **rest, **known}
        with translate():
            result = await self._notifications.update_one(claimed, {"$set": change})
            if result.matched_count == 0 and known:
                resolved = {"_id": one.cause, "state": "resolved", "told_at": None, "pending": None}
                solved = {**known, "pending": "resolved", "tell_at": now, "tell_done": [], "tell_tries": 0}
                await self._notifications.update_one(resolved, {"$set": solved})
                await self._notifications.update_one({"_id": one.cause}, {"$set": known})

    async def drop_tellings(self, now: datetime) -> None:
        """Forget what is to be told: there is no channel."""
        with translate():
            await self._notifications.update_many(
                {"tell_at": {"$lte": now}}, {"$set": {"pending": None, "tell_at": None}}
            )

    async def forget(self, resolved_before: datetime, now: datetime, limit: int) -> list[Pending]:
        """Remove what was announced as forgotten; announce what was resolved long enough ago."""
        announced = {"forgotten_at": {"$type": "date"}, "outbox_at": {"$exists": False}}
        due = {"resolved_at": {"$lt": resolved_before}, "forgotten_at": None}
        with translate():
            await self._notifications.delete_many(announced)
            documents = await self._notifications.find(due).limit(limit).to_list(limit)
            return [one for document in documents if (one := await self._forget(document, now)) is not None]

    async def _forget(self, document: Document, now: datetime) -> Pending | None:
        sequence = document["sequence"] + 1
        entries = (_tombstone(document["_id"], sequence, now),)
        change = {"forgotten_at": now, "sequence": sequence, **outbox.stored(entries, now)}
        decided_on = {"_id": document["_id"], "sequence": document["sequence"]}
        result = await self._notifications.update_one(decided_on, {"$set": change})
        return Pending(document["_id"], sequence, entries) if result.matched_count else None

    def _entries(self, document: Mapping[str, Any]) -> Sequence[Entry]:
        if document["forgotten_at"] is not None:
            return (_tombstone(document["_id"], document["sequence"], document["forgotten_at"]),)
        one = _read(document)
        return (self._entry(one, one.resolved_at or one.reminded_at or one.opened_at),)

    def _entry(self, one: Notification, at: datetime) -> Entry:
        message = self._say(one)
        return Entry(
            id=f"{one.cause}.{one.sequence}",  # published twice, it is the same event
            topic=message.TOPIC,
            type=message.TYPE,
            key=one.cause,
            subject=one.config_id,
            time=at,
            value=message.model_dump_json(),
        )


_FIELDS: Final = frozenset(field.name for field in fields(Notification))


def _document(one: Notification) -> Document:
    document = asdict(one)
    del document["cause"]
    return document


def _read(document: Mapping[str, Any]) -> Notification:
    known = {name: value for name, value in document.items() if name in _FIELDS}
    return Notification(cause=document["_id"], **known)


def _telling(document: Mapping[str, Any]) -> Telling:
    return Telling(_read(document), document["pending"], frozenset(document["tell_done"]), document["tell_tries"])


def _tombstone(cause: str, sequence: int, at: datetime) -> Entry:
    return Entry(
        id=f"{cause}.{sequence}",
        topic=NotificationChanged.TOPIC,
        type=NotificationChanged.TYPE,
        key=cause,
        time=at,
        value=None,
    )
