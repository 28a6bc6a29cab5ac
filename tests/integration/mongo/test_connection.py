"""A process starts while MongoDB is away, outlives an outage, and never sees a driver's error for one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from pymongo.errors import DuplicateKeyError

from devstack.child import Child
from devstack.errors import PartMissing
from devstack.mongo import Mongo, find_mongod
from devstack.ports import accepts, free_ports
from grantkeeper.mongo import client
from grantkeeper.mongo.client import MongoConnection, translate
from grantkeeper.process.clock import SYSTEM_CLOCK
from grantkeeper.process.errors import Unavailable
from grantkeeper.process.settings import MongoSettings, SettingsError
from tests.conftest import ENVIRONMENT, part_missing
from tests.servers import MongoServer
from tests.waiting import wait_until


@pytest.fixture
async def own_mongo(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Mongo]:
    """A server of this test alone, not started."""
    try:
        find_mongod()
    except PartMissing as missing:
        part_missing(request.config, str(missing))
    server = Mongo(tmp_path)
    yield server
    await asyncio.to_thread(server.stop)


def connection(uri: str, database: str = "test") -> MongoConnection:
    settings = MongoSettings(uri=SecretStr(uri), database=database, server_selection_timeout=0.5)
    return MongoConnection(settings, service="test", clock=SYSTEM_CLOCK)


@pytest.mark.long
async def test_an_outage_is_told_in_words_and_outlived(own_mongo: Mongo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PING_EVERY", 0.1)
    one = connection(own_mongo.uri)
    starting = asyncio.create_task(one.start())
    await wait_until(lambda: one.problems() == ["MongoDB does not answer: ServerSelectionTimeoutError"])
    await asyncio.to_thread(own_mongo.start)
    await starting
    try:
        assert one.problems() == []
        await one.database.things.insert_one({"_id": 1})
        await asyncio.to_thread(own_mongo.child.kill)
        with pytest.raises(Unavailable, match="MongoDB: "), translate():
            await one.database.things.insert_one({"_id": 2})
        await wait_until(one.problems)
        await asyncio.to_thread(own_mongo.start)
        await wait_until(lambda: not one.problems())
        assert await one.database.things.count_documents({}) == 1
    finally:
        await one.stop()


async def test_writes_reach_the_majority_and_times_come_back_aware(mongo: MongoServer, database: str) -> None:
    one = connection(mongo.uri, database)
    await one.start()
    try:
        assert one.database.write_concern.document == {"w": "majority", "j": True}
        now = SYSTEM_CLOCK.now()
        await one.database.things.insert_one({"_id": 1, "at": now})
        stored = await one.database.things.find_one({"_id": 1})
        assert stored == {"_id": 1, "at": now}
    finally:
        await one.stop()


async def test_what_is_no_outage_passes_as_it_is(mongo: MongoServer, database: str) -> None:
    one = connection(mongo.uri, database)
    await one.start()
    try:
        await one.database.things.insert_one({"_id": 1})
        with pytest.raises(DuplicateKeyError), translate():
            await one.database.things.insert_one({"_id": 1})
    finally:
        await one.stop()


async def test_a_server_without_replica_set_is_refused_with_the_cure(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    try:
        mongod = str(find_mongod())
    except PartMissing as missing:
        part_missing(request.config, str(missing))
    port = free_ports(1)[0]
    options = ["--dbpath", str(tmp_path), "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket"]
    child = Child("mongod", [mongod, *options], log=tmp_path / "log", environment=ENVIRONMENT)
    await asyncio.to_thread(child.start)
    try:
        await wait_until(lambda: accepts(port))
        one = connection(f"mongodb://127.0.0.1:{port}/")
        with pytest.raises(SettingsError, match="GRANTKEEPER_MONGO__URI names a server that is no replica set"):
            await one.start()
        await one.stop()
    finally:
        await asyncio.to_thread(child.stop)
