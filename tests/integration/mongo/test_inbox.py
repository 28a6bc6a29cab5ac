"""A command that comes twice has one effect and one reply."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from grantkeeper.mongo.client import MongoConnection
from grantkeeper.mongo.inbox import AlreadyDone, IdReused, Inbox, digest
from grantkeeper.process.clock import SYSTEM_CLOCK
from grantkeeper.process.settings import MongoSettings
from tests.servers import MongoServer


@pytest.fixture
async def connection(mongo: MongoServer, database: str) -> AsyncIterator[MongoConnection]:
    one = MongoConnection(
        MongoSettings(uri=SecretStr(mongo.uri), database=database), service="test", clock=SYSTEM_CLOCK
    )
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def inbox(connection: MongoConnection) -> Inbox:
    one = Inbox(connection.database.commands)
    await one.ensure_index()
    return one


async def do(connection: MongoConnection, inbox: Inbox, message_id: str, value: bytes = b"{}") -> bool:
    """One effect in one transaction with its row; tell whether it was this run that did it."""
    async with await connection.database.client.start_session() as session:
        try:
            async with session.start_transaction():
                await connection.database.effects.insert_one({"of": message_id}, session=session)
                await inbox.record(session, "admin", message_id, digest(value), {"ok": True}, SYSTEM_CLOCK.now())
        except AlreadyDone:
            return False
    return True


async def test_a_stored_reply_is_found_again_for_the_same_bytes_only(connection: MongoConnection, inbox: Inbox) -> None:
    assert await inbox.seen("admin", "1", digest(b"{}")) is None
    await do(connection, inbox, "1")
    assert await inbox.seen("admin", "1", digest(b"{}")) == {"ok": True}
    assert await inbox.seen("mallory", "1", digest(b"{}")) is None, "ids are the sender's own"
    with pytest.raises(IdReused, match="another value"):
        await inbox.seen("admin", "1", digest(b"{ }"))


async def test_a_second_run_leaves_no_effect(connection: MongoConnection, inbox: Inbox) -> None:
    assert await do(connection, inbox, "1")
    assert not await do(connection, inbox, "1")
    assert await connection.database.effects.count_documents({}) == 1


async def test_rows_are_forgotten_by_the_database(connection: MongoConnection, inbox: Inbox) -> None:
    indexes = await connection.database.commands.index_information()
    assert indexes["kept_for"]["expireAfterSeconds"] == 24 * 3600


async def test_a_session_that_fails_stores_neither(connection: MongoConnection, inbox: Inbox) -> None:
    async def fail() -> None:
        async with await connection.database.client.start_session() as session, session.start_transaction():
            await inbox.record(session, "admin", "1", digest(b"{}"), {}, SYSTEM_CLOCK.now())
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await fail()
    assert await inbox.seen("admin", "1", digest(b"{}")) is None
