"""The inbox: a command that comes twice has one effect and one reply.

The row (principal + id -> sha256 of the value, reply) is written in one transaction with the effect and forgotten after
a day, far beyond the longest deadline (10 minutes) and the tries of any sender.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorCollection
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from grantkeeper.mongo.client import Document, translate

KEPT_FOR: Final = timedelta(hours=24)


class IdReused(Exception):
    """The same principal sent the same id with other bytes: neither command may count as the other."""


class AlreadyDone(Exception):
    """Another run of the same command has stored its effect meanwhile: look up its reply."""


def digest(value: bytes | None) -> str:
    """Return the SHA-256 of a message's value, lower-case hex."""
    return hashlib.sha256(value or b"").hexdigest()


class Inbox:
    """The commands that were done."""

    def __init__(self, collection: AsyncIOMotorCollection[Document]) -> None:
        self._collection = collection

    async def ensure_index(self) -> None:
        """Make the index by which MongoDB forgets old rows."""
        with translate():
            await self._collection.create_index(
                [("at", ASCENDING)], name="kept_for", expireAfterSeconds=int(KEPT_FOR.total_seconds())
            )

    async def seen(self, principal: str, message_id: str, sha256: str) -> Mapping[str, Any] | None:
        """Return the stored reply of a command that was done, else None. Raises IdReused for other bytes."""
        with translate():
            row = await self._collection.find_one({"_id": _key(principal, message_id)})
        if row is None:
            return None
        if row["sha256"] != sha256:
            raise IdReused(f"{principal} has sent the id {message_id} before, with another value")
        reply: Mapping[str, Any] = row["reply"]
        return reply

    async def record(
        self,
        session: AsyncIOMotorClientSession | None,
        principal: str,
        message_id: str,
        sha256: str,
        reply: Mapping[str, Any],
        at: datetime,
    ) -> None:
        """Write the row, in the transaction of the effect. Raises AlreadyDone, and the transaction must be given up."""
        row = {"_id": _key(principal, message_id), "sha256": sha256, "reply": dict(reply), "at": at}
        try:
            with translate():
                await self._collection.insert_one(row, session=session)
        except DuplicateKeyError:
            raise AlreadyDone(f"{principal} {message_id}") from None


def _key(principal: str, message_id: str) -> str:
    # A principal's id holds no colon.
    return f"{principal}:{message_id}"
