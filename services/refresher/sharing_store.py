"""Finds token configs that hold the same refresh token, by its fingerprint: the index alone is read where none do.

Of a million grants that is a million keys, more than a group holds in memory; of those that were replaced, their own.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Final

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import ASCENDING, IndexModel

from grantkeeper.mongo.client import Database, Document, translate
from services.refresher.store import COLLECTION as GRANTS

AT_ONCE: Final = 200
"""Refresh tokens per look."""
SHARED: Final = {"grant.shared_with": {"$type": "string"}}


class SharingStore:
    """Reads `grants`."""

    def __init__(self, database: Database) -> None:
        self._grants: AsyncIOMotorCollection[Document] = database[GRANTS]

    async def prepare(self) -> None:
        """Make the index of those that are known to share."""
        index = IndexModel([("grant.shared_with", ASCENDING)], name="shared", partialFilterExpression=SHARED)
        with translate():
            await self._grants.create_indexes([index])

    async def news(self, among: Collection[str] | None = None) -> dict[str, str | None]:
        """Return config id -> another one that holds the same refresh token, where that is noted otherwise.

        `among` are the fingerprints to look at; None = all. Those that are noted to share are looked at each time.
        """
        with translate():
            twice = self._grants.aggregate(_twice(among), hint="fingerprint", allowDiskUse=True)
            fingerprints = [each["_id"] async for each in twice]
            found = await self._grants.find(SHARED, _FIELDS).hint("shared").to_list(None)
            if fingerprints:
                found += await self._grants.find({"grant.fingerprint": {"$in": fingerprints}}, _FIELDS).to_list(None)
        by_id = {each["_id"]: each for each in found}
        others = _others(list(by_id.values()))
        noted = {config_id: each["grant"].get("shared_with") for config_id, each in by_id.items()}
        return {config_id: others.get(config_id) for config_id in noted if others.get(config_id) != noted[config_id]}


def _others(found: Sequence[Document]) -> dict[str, str]:
    """Return config id -> the first other one of the same refresh token; deleted ones use theirs no more."""
    holders: dict[str, list[str]] = defaultdict(list)
    for each in found:
        if each["grant"]["fingerprint"] is not None and not each["deleted"]:
            holders[each["grant"]["fingerprint"]].append(each["_id"])
    sharing = (sorted(ids) for ids in holders.values() if len(ids) > 1)
    return {one: ids[0] if one != ids[0] else ids[1] for ids in sharing for one in ids}


_FIELDS: Final = {"grant.fingerprint": 1, "grant.shared_with": 1, "deleted": 1}


def _twice(among: Collection[str] | None) -> list[Document]:
    looked_at: Document = {"$gt": ""} if among is None else {"$in": list(among)}
    return [
        {"$match": {"grant.fingerprint": looked_at}},
        {"$group": {"_id": "$grant.fingerprint", "number": {"$sum": 1}}},
        {"$match": {"number": {"$gt": 1}}},
        {"$limit": AT_ONCE},
    ]
