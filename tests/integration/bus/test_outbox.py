"""State and message are one write: published at once, or by the sweeper, and the last one published is the current."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo import ReturnDocument

from devstack.child import tied
from grantkeeper.bus import publish
from grantkeeper.bus.outbox import OutboxRelay
from grantkeeper.mongo.client import Database, MongoConnection
from grantkeeper.mongo.outbox import Entry, Outbox, Pending, appended, pending, pushed, stored
from grantkeeper.process.clock import SYSTEM_CLOCK
from grantkeeper.process.failpoints import Failpoints
from grantkeeper.process.settings import MongoSettings
from schemas.topics import CONFIG_EVENTS
from tests.integration.bus.installation import Installation
from tests.servers import KafkaServer, MongoServer
from tests.waiting import wait_until

ANNOUNCED = "grantkeeper.config.changed.v1"


def state(document: Mapping[str, Any]) -> list[Entry]:
    """The whole current state of a document of these tests: its sequence."""
    return [entry(document["_id"], document["sequence"])]


def entry(document: str, sequence: int) -> Entry:
    return Entry(
        id=f"{document}-{sequence}",
        topic=CONFIG_EVENTS,
        type=ANNOUNCED,
        key=document,
        time=SYSTEM_CLOCK.now(),
        value=f'{{"sequence":{sequence}}}',
    )


@pytest.fixture
async def connection(mongo: MongoServer, database: str) -> AsyncIterator[MongoConnection]:
    one = MongoConnection(
        MongoSettings(uri=SecretStr(mongo.uri), database=database), service="test", clock=SYSTEM_CLOCK
    )
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def outbox(connection: MongoConnection) -> Outbox:
    one = Outbox(connection.database.things, state)
    await one.ensure_index()
    return one


def relay(installation: Installation, outbox: Outbox, hook: Callable[[str], Any] | None = None) -> OutboxRelay:
    return OutboxRelay(
        outbox,
        installation.publisher,
        clock=SYSTEM_CLOCK,
        metrics=installation.metrics,
        failpoints=Failpoints(hook),
    )


async def write(database: Database, document: str) -> Pending:
    """Raise the sequence and say so, in one update, as the stores do."""
    before = await database.things.find_one({"_id": document}) or {"sequence": 0}
    sequence = before["sequence"] + 1
    after = await database.things.find_one_and_update(
        {"_id": document},
        [{"$set": {"sequence": sequence, **appended([entry(document, sequence)])}}],
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    assert after is not None
    return pending(after)


async def published(installation: Installation) -> list[str]:
    return [one.id for one in await installation.read(CONFIG_EVENTS)]


async def waiting(database: Database) -> int:
    return await database.things.count_documents({"outbox_at": {"$exists": True}})


async def test_what_was_written_is_published_at_once_and_cleared(
    installation: Installation, connection: MongoConnection, outbox: Outbox
) -> None:
    one = relay(installation, outbox)
    await one.publish_now([await write(connection.database, "a"), await write(connection.database, "b")])
    assert await published(installation) == ["a-1", "b-1"]
    await one.stop()
    assert await waiting(connection.database) == 0
    document = await connection.database.things.find_one({"_id": "a"})
    assert document == {"_id": "a", "sequence": 1, "outbox": []}


async def test_a_message_is_signed_and_keeps_its_attributes(
    installation: Installation, connection: MongoConnection, outbox: Outbox
) -> None:
    said = Entry("i1", CONFIG_EVENTS, ANNOUNCED, "k", SYSTEM_CLOCK.now().replace(microsecond=0), None, "subject")
    await connection.database.things.insert_one({"_id": "a", "sequence": 1, **stored([said], said.time)})
    document = await connection.database.things.find_one({"_id": "a"})
    assert document is not None
    await relay(installation, outbox).publish_now([pending(document)])
    (event,) = await installation.read(CONFIG_EVENTS)
    assert (event.id, event.key, event.value, event.subject, event.time) == ("i1", b"k", None, "subject", said.time)
    assert event.source == "/services/config_service"
    assert event.signature is not None
    assert event.signature.startswith("v1;@config_service;1;r1;")


async def test_the_sweeper_publishes_what_a_crash_left_behind(
    installation: Installation, connection: MongoConnection, outbox: Outbox
) -> None:
    async def crash(point: str) -> None:
        raise asyncio.CancelledError(point)

    dying = relay(installation, outbox, crash)
    with suppress(asyncio.CancelledError):
        await dying.publish_now([await write(connection.database, "a")])
    assert await published(installation) == []
    living = relay(installation, outbox)
    await living.start()
    try:
        await wait_until(lambda: is_swept(connection.database))
    finally:
        await living.stop()
    assert await published(installation) == ["a-1"]


async def test_the_sweeper_leaves_fresh_entries_to_who_wrote_them(connection: MongoConnection, outbox: Outbox) -> None:
    written = await write(connection.database, "a")
    now = SYSTEM_CLOCK.now()
    assert await outbox.older_than(timedelta(seconds=2), now) == []
    assert await outbox.older_than(timedelta(seconds=2), now + timedelta(seconds=3)) == [written]


async def test_a_clear_that_misses_publishes_the_current_state_last(
    installation: Installation, connection: MongoConnection, outbox: Outbox
) -> None:
    """Two writers overtake each other: without the second look a compacted topic would keep the older state."""
    first = await write(connection.database, "a")
    quick, slow = relay(installation, outbox), relay(installation, outbox)
    await quick.publish_now([await write(connection.database, "a")])
    await quick.stop()
    assert await waiting(connection.database) == 0
    await slow.publish_now([first])
    await slow.stop()
    assert await published(installation) == ["a-1", "a-2", "a-1", "a-2"]
    assert await waiting(connection.database) == 0


async def test_a_publish_that_arrives_after_it_was_given_up_does_not_stay_the_last_word(
    installation: Installation,
    kafka: KafkaServer,
    connection: MongoConnection,
    outbox: Outbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The producer keeps what it was given, and delivers it behind what another process published meanwhile."""
    if kafka.process is None:
        pytest.skip("a broker of the environment is not to be stopped")
    one = relay(installation, outbox)
    await one.publish_now([await write(connection.database, "connected")])
    first = await write(connection.database, "a")
    kafka.process.child.signal(signal.SIGSTOP)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(publish, "WITHIN", 0.2)
            await one.publish_now([first])
        second = await write(connection.database, "a")
        assert await outbox.clear([second]) == [], "as if another process had published it"
    finally:
        kafka.process.child.signal(signal.SIGCONT)

    async def says_the_newest() -> bool:
        return (await published(installation))[-1:] == ["a-2"]

    await wait_until(says_the_newest)
    await one.stop()
    assert await published(installation) == ["connected-1", "a-1", "a-2"]


async def test_entries_of_two_writers_are_published_in_order_and_none_is_lost(
    installation: Installation, connection: MongoConnection, outbox: Outbox
) -> None:
    await write(connection.database, "a")
    after = await connection.database.things.find_one_and_update(
        {"_id": "a"},
        {"$inc": {"sequence": 1}, **pushed([entry("a", 2)], SYSTEM_CLOCK.now())},
        return_document=ReturnDocument.AFTER,
    )
    assert after is not None
    one = relay(installation, outbox)
    await one.publish_now([pending(after)])
    await one.stop()
    assert await published(installation) == ["a-1", "a-2"]


async def test_a_purged_document_ends_the_matter(
    installation: Installation, connection: MongoConnection, outbox: Outbox
) -> None:
    written = await write(connection.database, "a")
    await connection.database.things.delete_one({"_id": "a"})
    one = relay(installation, outbox)
    await one.publish_now([written])
    await one.stop()
    assert await published(installation) == ["a-1"]


async def test_an_outage_of_kafka_fails_no_writer(
    installation: Installation, connection: MongoConnection, outbox: Outbox
) -> None:
    await installation.publisher.stop()
    one = relay(installation, outbox)
    await one.publish_now([await write(connection.database, "a")])
    assert await waiting(connection.database) == 1
    await installation.publisher.start()
    await one.start()
    try:
        await wait_until(lambda: is_swept(connection.database))
    finally:
        await one.stop()
    assert await published(installation) == ["a-1"]


async def test_an_event_that_is_too_large_for_kafka_stops_no_other(
    installation: Installation, connection: MongoConnection, outbox: Outbox
) -> None:
    for name in ("a", "z"):
        await write(connection.database, name)
    large = replace(entry("m", 1), value="x" * 2_000_000)
    document = {"_id": "m", "sequence": 1, **stored([entry("m", 0), large], SYSTEM_CLOCK.now() - timedelta(hours=1))}
    await connection.database.things.insert_one(document)
    one = relay(installation, outbox)
    await one.start()
    try:
        await wait_until(lambda: is_swept(connection.database))
        await one.publish_now([await write(connection.database, "later"), Pending("m", 1, (large,))])
    finally:
        await one.stop()
    assert set(await published(installation)) == {"a-1", "z-1", "m-0", "later-1"}
    counted = installation.metrics.registry.get_sample_value
    assert counted("grantkeeper_events_set_aside_total", {"collection": "things"}) == 2


async def test_the_sweep_reads_only_what_waits(connection: MongoConnection, outbox: Outbox) -> None:
    """A million quiet documents cost nothing."""
    await connection.database.things.insert_many([{"_id": f"q{n}", "sequence": 1, "outbox": []} for n in range(1000)])
    await write(connection.database, "a")
    plan = await connection.database.command(
        "explain",
        {
            "find": "things",
            "filter": {"outbox_at": {"$lt": SYSTEM_CLOCK.now()}},
            "sort": {"outbox_at": 1},
            "limit": 500,
        },
        verbosity="executionStats",
    )
    assert plan["executionStats"]["totalKeysExamined"] == 1
    assert plan["executionStats"]["totalDocsExamined"] == 1


async def test_many_are_cleared_in_few_round_trips(
    installation: Installation, connection: MongoConnection, outbox: Outbox
) -> None:
    rounds: list[int] = []
    clear = outbox.clear

    async def counted(published: Any) -> list[Pending]:
        rounds.append(len(published))
        return await clear(published)

    outbox.clear = counted  # type: ignore[method-assign]
    one = relay(installation, outbox)
    written = [await write(connection.database, f"d{n}") for n in range(50)]
    await asyncio.gather(*(one.publish_now([each]) for each in written))
    await one.stop()
    assert sum(rounds) == 50
    assert len(rounds) < 25
    assert await waiting(connection.database) == 0


@pytest.mark.parametrize("point", ["outbox.stored", "outbox.published"])
async def test_kill_9_between_store_and_clear_loses_nothing(
    installation: Installation,
    mongo: MongoServer,
    connection: MongoConnection,
    outbox: Outbox,
    tmp_path: Path,
    point: str,
) -> None:
    ring = tmp_path / "auth.ring.json"
    ring.touch(mode=0o600)
    ring.write_text(installation.ring.to_json())
    settings, database = installation.settings, connection.database
    arguments = [settings.bootstrap_servers, settings.prefix, str(ring), mongo.uri, database.name, f"kill@{point}"]
    command = tied([sys.executable, "-m", "tests.integration.bus.writer", *arguments])
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
    assert await process.wait() == -9
    assert await waiting(database) == 1
    one = relay(installation, outbox)
    await one.start()
    try:
        await wait_until(lambda: is_swept(database))
    finally:
        await one.stop()
    copies = 1 if point == "outbox.stored" else 2
    assert await published(installation) == ["a-1"] * copies, "at least once, with the same id"


async def is_swept(database: Database) -> bool:
    return await waiting(database) == 0
