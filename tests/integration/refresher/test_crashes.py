"""Processes that die, freeze or lose their database between two steps."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from devstack.mongo import Mongo
from devstack.provider.faults import Fault
from grantkeeper.mongo.outbox import Entry
from grantkeeper.process.clock import SYSTEM_IDS
from grantkeeper_client import ReplyError
from schemas.token_events import TokenChanged
from schemas.topics import TOKEN_EVENTS
from services.refresher.domain.record import Record
from tests.integration.house import LaterClock, house
from tests.integration.refresher.service import CLIENT_ID, Service, ask
from tests.integration.refresher.test_logins import Browser
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread
    from tests.servers import KafkaServer

GET = "grantkeeper.token.get.v1"
HOUR = timedelta(hours=1)


async def stored(service: Service, condition: Callable[[Record], bool], config_id: str, deadline: float = 40) -> Record:
    async def fits() -> Record | None:
        record = await service.record(config_id)
        return record if condition(record) else None

    record = await wait_until(fits, deadline)
    assert record is not None
    return record


async def grant_of(service: Service, provider: "ProviderThread", realm: str) -> str:
    """A config with an expired access token; made while no refresher runs."""
    config_id = await service.insert(service.config("Support", realm))
    await service.plant(config_id, provider.control.mint(realm, ["amy"], client_id=CLIENT_ID)[0], age=2 * HOUR)
    return config_id


async def killed_at(service: Service, point: str, log: Path) -> None:
    """Run a refresher as a process until it has killed itself."""
    child = service.process(log, f"kill@{point}")
    child.start()
    try:
        await wait_until(lambda: child.exit_code == -signal.SIGKILL, 60)
    finally:
        child.stop()


async def test_a_process_killed_with_the_answer_in_hand_is_followed_by_one_more_try_where_the_provider_forgives(
    service: Service, provider: "ProviderThread", tmp_path: Path
) -> None:
    config_id = await grant_of(service, provider, "grace")
    await killed_at(service, "refresher.sent", tmp_path / "refresher.log")
    await lease_expires(service, config_id)
    async with service.running():
        record = await stored(service, lambda record: record.grant.generation == 2, config_id)
    assert record.state == "active"
    assert record.grant.unknown == 0
    first, second = provider.control.journal()
    assert first.secret == second.secret


async def test_a_process_killed_with_the_answer_of_a_strict_provider_ends_in_one_lost_rotation(
    service: Service, provider: "ProviderThread", tmp_path: Path
) -> None:
    config_id = await grant_of(service, provider, "strict")
    await killed_at(service, "refresher.sent", tmp_path / "refresher.log")
    await lease_expires(service, config_id)
    async with service.running():
        record = await stored(service, lambda record: record.state == "reauthorization_required", config_id)
        assert await wait_until(lambda: service.reported("lost_rotation"))
    assert record.grant.lost_rotation
    assert len(provider.control.journal()) == 2


async def test_what_a_process_stored_before_it_died_is_published_by_another(
    service: Service, provider: "ProviderThread", tmp_path: Path
) -> None:
    config_id = await grant_of(service, provider, "strict")
    await killed_at(service, "refresher.stored", tmp_path / "refresher.log")
    assert (await service.record(config_id)).grant.generation == 2
    async with service.running():

        async def told() -> bool:
            return any(event.happened == "refreshed" for event in await service.token_events(config_id))

        await wait_until(told, 30)
    assert len(provider.control.journal()) == 1
    document = await service.store.collection.find_one({"_id": config_id})
    assert document is not None
    assert document["outbox"] == []


async def test_what_was_left_behind_is_published_by_a_machine_whose_clock_is_slow(service: Service) -> None:
    config_id = await service.insert(service.config())
    record, written_at = await service.record(config_id), service.store.time.now() - timedelta(minutes=1)
    event = Entry(SYSTEM_IDS.uuid7(), TOKEN_EVENTS, TokenChanged.TYPE, config_id, written_at, None)
    assert await service.store.write(record, record, [event]) is not None
    await service.store.collection.update_one({"_id": config_id}, {"$set": {"outbox_at": written_at}})

    async def swept() -> bool:
        return await service.store.collection.count_documents({"outbox_at": {"$exists": True}}) == 0

    async with service.running(clock=LaterClock(timedelta(hours=-2))):
        await wait_until(swept)


async def test_a_change_of_the_config_during_a_refresh_loses_neither(
    refresher: Service, provider: "ProviderThread"
) -> None:
    config_id = await refresher.configured(refresher.config())
    provider.control.fail(Fault.model_validate({"delay": 2, "next": 1}))
    minted = provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)[0]
    await refresher.plant(config_id, minted, age=2 * HOUR)
    await wait_until(provider.control.journal)
    await refresher.configured(refresher.config("Renamed"), config_id=config_id, sequence=2)
    assert (await refresher.record(config_id)).grant.generation == 1
    record = await stored(refresher, lambda record: record.grant.generation == 2, config_id)
    assert (record.config.name, record.revision) == ("Renamed", 2)
    assert record.grant.fingerprint != refresher.secrets.fingerprint(SecretStr(minted["refresh_token"]))
    assert record.lease is None


async def test_an_attempt_that_outlives_its_lease_does_not_lose_its_refresh_token(
    service: Service, provider: "ProviderThread"
) -> None:
    """A process that was frozen for a while stores what it got, as long as nobody else was quicker."""
    gate = asyncio.Event()

    async def hold(point: str) -> None:
        if point == "refresher.sent":
            await gate.wait()

    config_id = await grant_of(service, provider, "microsoft")
    async with service.running(hold):
        await wait_until(provider.control.journal)
        await lease_expires(service, config_id)
        gate.set()
        record = await stored(service, lambda record: record.grant.generation >= 2, config_id)
    assert record.state == "active"


async def test_a_success_that_meets_another_generation_is_put_aside_and_told(
    service: Service, provider: "ProviderThread"
) -> None:
    gate, held = asyncio.Event(), asyncio.Event()

    async def hold_the_first(point: str) -> None:
        if point == "refresher.sent" and not held.is_set():
            held.set()
            await gate.wait()

    config_id = await grant_of(service, provider, "microsoft")
    async with service.running(hold_the_first):
        await held.wait()
        await lease_expires(service, config_id)
        async with service.running():
            await stored(service, lambda record: record.grant.generation == 2, config_id)
            gate.set()
            record = await stored(service, lambda record: bool(record.grant.quarantine), config_id)
            assert await wait_until(lambda: service.reported("quarantined_refresh_token"))
    assert record.grant.generation == 2


async def test_a_stop_in_the_middle_of_refreshing_leaves_nothing_in_doubt(
    service: Service, provider: "ProviderThread"
) -> None:
    provider.control.fail(Fault(delay=0.3))
    logins = [f"user{number}" for number in range(120)]
    for login, minted in zip(logins, provider.control.mint("strict", logins, client_id=CLIENT_ID), strict=True):
        await service.plant(await service.insert(service.config(login)), minted, age=2 * HOUR)
    async with service.running():
        await wait_until(provider.control.journal)
    called = len(provider.control.journal())
    assert await service.store.collection.count_documents({"lease": {"$ne": None}}) == 0
    assert await service.store.collection.count_documents({"grant.generation": 2}) == called
    assert await service.store.collection.count_documents({"grant.unknown": {"$gt": 0}}) == 0


async def test_a_code_is_not_sent_again_after_a_crash_with_the_answer_in_hand(
    service: Service, provider: "ProviderThread"
) -> None:
    config_id = await service.insert(service.config())
    broken = asyncio.Event()

    async def break_once(point: str) -> None:
        if point == "refresher.sent" and not broken.is_set():
            broken.set()
            raise RuntimeError("broken with the answer in hand")

    async with service.running(break_once), service.house.asker("admin") as admin:
        browser = Browser(service, admin, config_id)
        given = browser.come_back((await browser.start())["url"])
        completing = asyncio.create_task(browser.complete(given))
        await broken.wait()
        with pytest.raises(ReplyError, match="internal_error"):
            await completing
        with pytest.raises(ReplyError, match="start again"):
            await browser.complete(given)
        assert (await browser.complete(browser.come_back((await browser.start())["url"])))["status"][
            "state"
        ] == "active"
    assert len(provider.control.journal()) == 2


async def lease_expires(service: Service, config_id: str) -> None:
    """Shift the stored times: the lease ended a second ago."""
    await service.store.collection.update_one(
        {"_id": config_id},
        [{"$set": {"lease.until": {"$subtract": ["$$NOW", 1000]}, "due": {"$subtract": ["$$NOW", 1000]}}}],
    )


@asynccontextmanager
async def own_mongo(folder: Path) -> AsyncIterator[Mongo]:
    server = Mongo(folder)
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.mark.long
async def test_a_result_is_kept_in_memory_while_the_database_is_away(
    kafka: "KafkaServer", provider: "ProviderThread", prefix: str, tmp_path: Path
) -> None:
    frozen = asyncio.Event()

    async with own_mongo(tmp_path / "mongo") as mongo:

        async def freeze(point: str) -> None:
            if point == "refresher.sent":
                mongo.child.signal(signal.SIGSTOP)
                frozen.set()

        uri = f"{mongo.uri}&socketTimeoutMS=1500&serverSelectionTimeoutMS=1000"
        async with house(kafka.bootstrap_servers, prefix, uri, "own", tmp_path) as one:
            service = Service(one, provider.base_url)
            await service.prepare()
            config_id = await grant_of(service, provider, "strict")
            async with service.running(freeze):
                await frozen.wait()
                await asyncio.sleep(5)
                mongo.child.signal(signal.SIGCONT)
                record = await stored(service, lambda record: record.grant.generation == 2, config_id)
            service.database.client.close()
    assert record.state == "active"
    assert len(provider.control.journal()) == 1
    assert record.grant.quarantine == ()


@pytest.mark.parametrize("point", ["outbox.stored", "outbox.published", "refresher.stored", "refresher.requested"])
async def test_a_login_walk_survives_a_crash_of_the_handler_at(
    service: Service, provider: "ProviderThread", point: str
) -> None:
    """The first passage after the start fails: the batch comes again, and nothing is lost or done twice."""
    passed = 0
    at_start = 1 if point.startswith("outbox.") else 0  # the engine's own first state goes out while it starts

    async def fail_once(reached: str) -> None:
        nonlocal passed
        passed += reached == point
        if reached == point and passed == at_start + 1:
            raise RuntimeError(f"broken at {point}")

    config_id = await grant_of(service, provider, "strict")
    async with service.running(fail_once), service.house.asker("admin") as admin:
        answer = await ask(admin, GET, {"config": config_id}, deadline=timedelta(seconds=60))
        assert answer["generation"] == 2
        status = await ask(admin, "grantkeeper.token.status.v1", {"config": config_id}, deadline=timedelta(seconds=60))
    assert status["status"]["state"] == "active"
    assert len(provider.control.journal()) == 1
