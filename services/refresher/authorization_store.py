"""The collection `authorizations`: one document per login, found by the hash of its state, used once.

The mark `sent_at` is the write-ahead of sending the code: only who sets it may send, and nobody sets it twice, whatever
crashes in between. Documents outlive their ten minutes by an hour, so that a late or repeated return is told apart from
a forged one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import ASCENDING

from grantkeeper.mongo.client import Database, Document, translate
from grantkeeper.mongo.fields import known
from services.refresher.domain.record import Origin

COLLECTION: Final = "authorizations"
KEPT_FOR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Authorization:
    """One login in progress, with everything it was started for."""

    state_hash: str
    config_id: str
    revision: int
    client: str
    origin: Origin
    scope: str | None
    redirect_uri: str
    verifier: str = field(repr=False)
    nonce_hash: str | None
    iss_required: bool
    actor: str
    started_at: datetime
    expires_at: datetime
    sent_at: datetime | None = None
    outcome: Mapping[str, Any] | None = None
    """The reply that every asker gets once the login has ended."""


class AuthorizationStore:
    """Reads and writes `authorizations`."""

    def __init__(self, database: Database) -> None:
        self._collection: AsyncIOMotorCollection[Document] = database[COLLECTION]

    async def prepare(self) -> None:
        """Make the index by which MongoDB forgets old logins."""
        with translate():
            await self._collection.create_index(
                [("expires_at", ASCENDING)], name="kept_for", expireAfterSeconds=int(KEPT_FOR.total_seconds())
            )

    async def insert(self, authorization: Authorization) -> None:
        """Store a login that starts."""
        with translate():
            await self._collection.insert_one(_document(authorization))

    async def read(self, state_hash: str) -> Authorization | None:
        """Find the login of a state."""
        with translate():
            found = await self._collection.find_one({"_id": state_hash})
        return None if found is None else _authorization(found)

    async def may_send(self, state_hash: str, now: datetime) -> bool:
        """Take the one right to send the code of this login."""
        with translate():
            result = await self._collection.update_one(
                {"_id": state_hash, "sent_at": None, "outcome": None}, {"$set": {"sent_at": now}}
            )
        return result.modified_count == 1

    async def not_sent(self, state_hash: str) -> None:
        """Give the right to send back: nothing has left."""
        with translate():
            await self._collection.update_one({"_id": state_hash, "outcome": None}, {"$set": {"sent_at": None}})

    async def end(self, state_hash: str, outcome: Mapping[str, Any]) -> None:
        """Keep what every asker is told; the first outcome stays, and the secrets go."""
        with translate():
            await self._collection.update_one(
                {"_id": state_hash, "outcome": None}, {"$set": {"outcome": dict(outcome), "verifier": ""}}
            )


def _document(authorization: Authorization) -> Document:
    names = Authorization.__dataclass_fields__.keys() - {"state_hash", "origin"}
    origin = authorization.origin
    return {
        "_id": authorization.state_hash,
        "origin": {"client_id": origin.client_id, "host": origin.host},
        **{name: getattr(authorization, name) for name in names},
    }


def _authorization(document: Document) -> Authorization:
    fields = {**document, "state_hash": document["_id"], "origin": known(Origin, document["origin"])}
    del fields["_id"]
    return known(Authorization, fields)
