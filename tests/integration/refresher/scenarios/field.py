"""What scenarios have in common: grants that are due, and time that passes by moving what is stored."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from motor.motor_asyncio import AsyncIOMotorCollection

from devstack.provider.faults import Fault
from services.refresher.domain.record import Record
from tests.integration.refresher.service import CLIENT_ID, Service
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread

GET = "grantkeeper.token.get.v1"
HOUR = timedelta(hours=1)
T = TypeVar("T")


def order(provider: "ProviderThread", **fault: Any) -> None:
    provider.control.fail(Fault.model_validate(fault))


async def planted(
    service: Service,
    provider: "ProviderThread",
    names: Sequence[str] = ("Support",),
    realm: str = "strict",
    *,
    life: timedelta = HOUR,
    age: timedelta = 2 * HOUR,
) -> list[str]:
    """Put configs and grants straight into the store; their access tokens have ended unless `age` says otherwise."""
    ids = [await service.insert(service.config(name, realm)) for name in names]
    for config_id, minted in zip(ids, provider.control.mint(realm, names, client_id=CLIENT_ID), strict=True):
        await service.plant(config_id, minted, life=life, age=age)
    return ids


async def becomes(
    service: Service, config_id: str, condition: Callable[[Record], bool], deadline: float = 40
) -> Record:
    """Wait until what is stored fits; return it."""

    async def fits() -> Record | None:
        record = await service.record(config_id)
        return record if condition(record) else None

    record = await wait_until(fits, deadline)
    assert record is not None
    return record


async def all_renewed(service: Service, ids: Sequence[str], generation: int = 2, deadline: float = 60) -> None:
    async def renewed() -> bool:
        query = {"_id": {"$in": list(ids)}, "grant.generation": {"$gte": generation}, "lease": None}
        return await service.store.collection.count_documents(query) == len(ids)

    await wait_until(renewed, deadline)


async def time_passes(service: Service, by: timedelta) -> None:
    """Move every stored time into the past, as if the database's clock had gone on (or, negative, back) by so much."""
    for name in await service.database.list_collection_names():
        collection = service.database[name]
        ids = await collection.distinct("_id")
        await asyncio.gather(*(_move(collection, one, by) for one in ids))


async def _move(collection: AsyncIOMotorCollection[dict[str, Any]], document_id: Any, by: timedelta) -> None:
    """Move the times of one document, as it is: what somebody writes meanwhile is not undone."""
    while (document := await collection.find_one({"_id": document_id})) is not None:
        moved = {key: value for key, value in _moved(document, by).items() if value != document[key]}
        unchanged = {"_id": document_id, "sequence": document.get("sequence")}
        if not moved or (await collection.update_one(unchanged, {"$set": moved})).matched_count:
            return


def _moved(value: Any, by: timedelta) -> Any:
    if isinstance(value, datetime):
        return value - by
    if isinstance(value, Mapping):
        return {key: _moved(each, by) for key, each in value.items()}
    if isinstance(value, list):
        return [_moved(each, by) for each in value]
    return value
