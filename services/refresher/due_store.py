"""What is due, read across `clients` and `grants`: bounded work per client, whatever one of them has piled up.

For each client one index key is examined per grant that is returned, the most urgent first, and none where the client
may not send. A paused client is tried with one grant by whoever takes the right to do so.
"""

from collections.abc import Sequence
from typing import Final

from motor.motor_asyncio import AsyncIOMotorCollection

from grantkeeper.mongo.client import Database, Document, translate
from services.refresher.client_store import COLLECTION as CLIENTS
from services.refresher.domain.record import OF_ADMINS
from services.refresher.domain.shares import DueGrants
from services.refresher.store import BY_END, UNTOLD
from services.refresher.store import COLLECTION as GRANTS

IS_PAUSED: Final[Document] = {"$or": [{"$ne": ["$fault", None]}, {"$gt": ["$openings", 0]}]}
"""A fault, or an open breaker; documents of before the breaker have no `openings`, and that is less than 0."""
IS_HELD: Final[Document] = {"$gt": ["$held_until", "$$NOW"]}


class DueStore:
    """Finds work."""

    def __init__(self, database: Database) -> None:
        self._clients: AsyncIOMotorCollection[Document] = database[CLIENTS]
        self._grants: AsyncIOMotorCollection[Document] = database[GRANTS]

    async def due(self, per_client: int, full: Sequence[str] = ()) -> list[DueGrants]:
        """Return what is due by the database's clock: at most `per_client` grants of each client, one if it is paused.

        Grants that somebody waits for come besides, as long as their client may send; those with an admin's wish
        whatever its state. Clients that are `full` are left out.
        """
        with translate():
            found = await self._clients.aggregate(due_pipeline(per_client, full)).to_list(None)
        return [
            DueGrants(each["_id"], _ids(each["asked"]), _ids(each["due"]), is_probe=each["paused"]) for each in found
        ]

    async def over(self, limit: int) -> list[str]:
        """Return the ids of free grants whose access token is over, and whose state does not say so yet."""
        is_over = {"$and": [{"$gt": ["$grant.expires_at", None]}, {"$lte": ["$grant.expires_at", "$$NOW"]}]}
        condition = {"state": {"$in": ["active", "retrying"]}, "$expr": is_over, "lease": None}
        with translate():
            found = self._grants.find(condition, {"_id": 1}).hint(BY_END).limit(limit)
            return [document["_id"] async for document in found]

    async def untold(self, clients: Sequence[str], limit: int) -> list[str]:
        """Return the ids of grants of these clients whose access token is over, as is written but was not told."""
        condition = {"state": "expired", "client": {"$in": list(clients)}, "told.expired_token": None}
        with translate():
            found = self._grants.find(condition, {"_id": 1}).hint(UNTOLD).limit(limit)
            return [document["_id"] async for document in found]

    async def take_probe(self, client: str, seconds: float) -> bool:
        """Take the right to try a paused client, for so long; False where another process has it."""
        condition = {"_id": client, "$expr": {"$lte": ["$probe_at", "$$NOW"]}}
        until = {"$add": ["$$NOW", int(seconds * 1000)]}
        with translate():
            result = await self._clients.update_one(condition, [{"$set": {"probe_at": until}}])
        return result.modified_count == 1

    async def resume(self, client: str) -> None:
        """Make due what waits because of its client's fault: after a cure nothing is waited for any more."""
        waits = {"$gt": ["$not_before", "$$NOW"]}
        condition = {"client": client, "lease": None, "last_error.meaning": "client_fault", "$expr": waits}
        now = {"not_before": None, "due": "$$NOW", "sequence": {"$add": ["$sequence", 1]}}
        with translate():
            await self._grants.update_many(condition, [{"$set": now}])


def _ids(found: list[Document]) -> tuple[str, ...]:
    return tuple(each["_id"] for each in found)


def due_pipeline(per_client: int, full: Sequence[str] = ()) -> list[Document]:
    """Return the aggregation on `clients` that finds work."""
    others = [{"$match": {"_id": {"$nin": list(full)}}}] if full else []
    return [
        *others,
        {"$project": {"paused": IS_PAUSED, "held": IS_HELD, "may_try": {"$lte": ["$probe_at", "$$NOW"]}}},
        # No grant belongs to the client without name: nothing is looked at where nothing may be sent.
        {"$set": {"open": {"$cond": [{"$or": ["$paused", "$held"]}, "", "$_id"]}}},
        {"$set": {"tried": {"$cond": [{"$and": ["$paused", "$may_try", {"$not": ["$held"]}]}, "$_id", "$open"]}}},
        _looked_up("asked", {"any": "$_id", "open": "$open"}, _ASKED, per_client),
        _looked_up("due", {"tried": "$tried"}, _is_due("$$tried"), per_client),
        {"$match": {"$or": [{"asked.0": {"$exists": True}}, {"due.0": {"$exists": True}}]}},
        {"$set": {"due": {"$cond": ["$paused", {"$slice": ["$due", 1]}, "$due"]}}},
    ]


def _looked_up(name: str, variables: Document, condition: Document, most: int) -> Document:
    pipeline = [{"$match": condition}, {"$sort": {"due": 1}}, {"$limit": most}, {"$project": {"_id": 1}}]
    return {"$lookup": {"from": GRANTS, "let": variables, "pipeline": pipeline, "as": name}}


def _is_due(client: str) -> Document:
    return {"$expr": {"$and": [{"$eq": ["$client", client]}, {"$gt": ["$due", None]}, {"$lte": ["$due", "$$NOW"]}]}}


_ASKED: Final[Document] = {
    "$or": [
        {"wishes.0": {"$exists": True}, "wishes.kind": {"$in": list(OF_ADMINS)}, **_is_due("$$any")},
        {"waiters.0": {"$exists": True}, **_is_due("$$open")},
    ]
}
"""Each half has an index of its own, in the order of due times."""
