"""The stop switch, and the guard against a second installation on the same grants."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from grantkeeper.crypto.ring import AuthRing, VaultRing
from grantkeeper.mongo.outbox import Entry
from grantkeeper.process.clock import SYSTEM_CLOCK, SYSTEM_IDS
from grantkeeper.process.metrics import Metrics
from grantkeeper_client import Asker, ReplyError
from schemas.config_events import ConfigPurged
from schemas.token_events import TokenChanged
from schemas.topics import TOKEN_EVENTS
from services.refresher.domain.engine import Engine
from services.refresher.domain.record import Waiter, Wish
from services.refresher.engine_store import EngineStore
from services.refresher.usage import Usage
from tests.integration.house import House, house
from tests.integration.refresher.service import CLIENT_ID, Service, ask
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread
    from tests.servers import KafkaServer, MongoServer

GET = "grantkeeper.token.get.v1"
REFRESH = "grantkeeper.token.refresh.v1"
START = "grantkeeper.authorization.start.v1"
REVOKE = "grantkeeper.token.revoke.v1"
STATUS = "grantkeeper.engine.status.get.v1"
STOP = "grantkeeper.engine.stop.v1"
RESUME = "grantkeeper.engine.resume.v1"


async def granted(service: Service, provider: "ProviderThread", name: str = "Support") -> str:
    config_id = await service.configured(service.config(name))
    await service.plant(config_id, provider.control.mint("strict", [name], client_id=CLIENT_ID)[0])
    return config_id


async def engine(asker: Asker, kind: str = STATUS) -> dict[str, Any]:
    return dict(await ask(asker, kind, {}))


async def refused(asker: Asker, kind: str, data: dict[str, Any]) -> str:
    with pytest.raises(ReplyError) as caught:
        await ask(asker, kind, data)
    return caught.value.code


async def test_a_stopped_engine_hands_out_living_tokens_and_sends_nothing(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    living, due = await granted(refresher, provider, "Living"), await granted(refresher, provider, "Due")
    status = await engine(admin, STOP)
    assert (status["stopped"], status["stopped_by"]) == (True, "admin")
    await refresher.due_now(due)
    assert (await ask(admin, GET, {"config": living}))["generation"] == 1
    about = {"config": due, "generation": 1}
    assert await refused(admin, GET, {"config": due, "min_validity": 3000}) == "stopped"
    assert await refused(admin, REFRESH, about) == "stopped"
    assert await refused(admin, REVOKE, about) == "stopped"
    assert await refused(admin, START, {"config": due}) == "stopped"
    assert provider.control.journal() == []

    async def counted() -> bool:
        return bool((await engine(admin))["due_now"] == 1)

    await wait_until(counted)


async def test_what_waited_is_done_after_the_resume(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config_id = await granted(refresher, provider)
    await engine(admin, STOP)
    await refresher.due_now(config_id)
    assert (await engine(admin, RESUME))["stopped"] is False

    async def refreshed() -> bool:
        return (await refresher.record(config_id)).grant.generation == 2

    await wait_until(refreshed)
    assert len(provider.control.journal()) == 1


async def test_a_stop_and_its_end_are_told(refresher: Service, admin: Asker) -> None:
    await engine(admin, STOP)
    await engine(admin, STOP)
    await engine(admin, RESUME)

    async def told() -> list[tuple[str, str]]:
        events = await refresher.expiry_events()
        found = [(type(one).__name__, getattr(one, "cause", "")) for one in events]
        return found if len(found) >= 2 else []

    assert await wait_until(told) == [("ExpiryReported", "engine:engine_stopped"), ("ExpiryRecovered", "")]


async def test_who_waits_when_the_stop_comes_is_answered(refresher: Service, admin: Asker) -> None:
    """As if a refresher that had not heard of the stop yet had taken a question in."""
    config_id = await refresher.configured(refresher.config())
    await engine(admin, STOP)
    record = await refresher.record(config_id)
    question = SYSTEM_IDS.uuid7()
    reply_to = {"principal": "mail", "version": 1, "ring_id": "r1", "correlation_id": question}
    await refresher.store.append_waiters({config_id: (record.grant.generation, [Waiter("mail:1", reply_to)])})

    async def answered() -> list[bytes]:
        return (await refresher.house.replies("mail")).get(question, [])

    (reply,) = await wait_until(answered)
    assert json.loads(reply)["error"]["code"] == "stopped"
    assert (await refresher.record(config_id)).waiters == ()


async def has_stopped(admin: Asker, config_id: str) -> bool:
    try:
        await ask(admin, START, {"config": config_id})
    except ReplyError as error:
        return error.code == "stopped"
    return False


async def test_every_refresher_obeys(service: Service, provider: "ProviderThread") -> None:
    async with service.running(), service.running(), service.house.asker("admin") as admin:
        config_id = await granted(service, provider)
        await engine(admin, STOP)

        async def all_know() -> bool:
            """Each partition is one refresher's: questions go round."""
            return all([await has_stopped(admin, config_id) for _ in range(8)])

        await wait_until(all_know, 5)
        await service.due_now(config_id)
        assert await refused(admin, GET, {"config": config_id, "min_validity": 3000}) == "stopped"
    assert provider.control.journal() == []


async def test_a_viewer_sees_the_engine_and_cannot_stop_it(refresher: Service) -> None:
    async with refresher.house.asker("viewer") as viewer, refresher.house.asker("mail") as mail:
        assert (await engine(viewer))["stopped"] is False
        assert await refused(viewer, STOP, {}) == "not_permitted"
        assert await refused(mail, STATUS, {}) == "not_permitted"


async def test_the_status_counts_what_is_due_and_names_the_clients(refresher: Service, admin: Asker) -> None:
    config = refresher.config("One", options={"client_secret_ends": "2031-05-06"})
    await refresher.configured(config)
    await refresher.configured(refresher.config("Two"))
    status = await engine(admin)
    assert (status["due_now"], status["in_flight"]) == (0, 0)
    (client,) = status["clients"]
    assert (client["client_id"], client["tokens"], client["secret_ends_at"]) == (CLIENT_ID, 2, "2031-05-06")
    assert client["server"] == f"{refresher.base_url}/strict/token"


@asynccontextmanager
async def cloned(service: Service, kafka: "KafkaServer", mongo: "MongoServer", folder: Path) -> AsyncIterator[Service]:
    """The same database and rings on another bus: what a copy of the installation for tests meets."""
    settings = service.house.mongo
    await asyncio.to_thread(folder.mkdir)
    prefix = f"{service.house.prefix}copy."
    async with house(kafka.bootstrap_servers, prefix, mongo.uri, settings.database, folder) as other:
        copy = Service(_with_rings(other, service.house.ring, service.house.vault), service.base_url)
        await copy.prepare()
        try:
            yield copy
        finally:
            copy.database.client.close()


def _with_rings(one: House, ring: AuthRing, vault: VaultRing) -> House:
    return House(one.bootstrap_servers, one.prefix, one.mongo, one.folder, one.producer, ring, vault)


@pytest.mark.long
async def test_a_copy_of_the_database_refreshes_nothing_until_an_admin_confirms(
    service: Service, kafka: "KafkaServer", mongo: "MongoServer", tmp_path: Path, provider: "ProviderThread"
) -> None:
    async with service.running():
        config_id = await granted(service, provider)
    async with cloned(service, kafka, mongo, tmp_path / "copy") as copy, copy.running():
        async with copy.house.asker("admin") as admin:
            assert (await engine(admin))["held"] == "another_cluster"
            await copy.due_now(config_id)
            assert (await ask(admin, GET, {"config": config_id}))["generation"] == 1
            assert await refused(admin, REFRESH, {"config": config_id, "generation": 1}) == "stopped"
            assert provider.control.journal() == []
            assert [one.cause for one in await copy.reported("another_cluster")] == ["engine:another_cluster"]
            assert "held" not in await engine(admin, RESUME)

            async def refreshed() -> bool:
                return (await copy.record(config_id)).grant.generation == 2

            await wait_until(refreshed)
        async with service.running(), service.house.asker("admin") as first:
            assert (await engine(first))["held"] == "another_cluster", "the other one must not go on beside it"


async def left_by_the_owner(service: Service, config_id: str) -> None:
    """A due grant with somebody who waits, a code that is to be exchanged, and an event that is not published yet."""
    reply_to = {"principal": "mail", "version": 1, "ring_id": "r1", "correlation_id": SYSTEM_IDS.uuid7()}
    record = await service.record(config_id)
    code = service.secrets.keep_code(config_id, SecretStr("a-code"))
    wish = Wish(id="login", kind="complete", actor="admin", code=code, askers=(Waiter("mail:1", reply_to),))
    waiting = replace(record, waiters=(Waiter("mail:2", reply_to),), wishes=(wish,), not_before=None)
    now = SYSTEM_CLOCK.now() - timedelta(hours=1)
    event = Entry(SYSTEM_IDS.uuid7(), TOKEN_EVENTS, TokenChanged.TYPE, config_id, now, None)
    assert await service.store.write(record, waiting, [event]) is not None
    old = {"$set": {"outbox_at": now, "due": now}}
    await service.store.collection.update_one({"_id": config_id}, old)


async def all_has_had_a_turn(service: Service) -> None:
    """The sweeper of the engine's own news works everywhere: the others have looked before it, or just after."""
    now = SYSTEM_CLOCK.now() - timedelta(hours=1)
    collection = service.database["engine"]
    for _ in range(2):
        await collection.update_one({"_id": "engine"}, {"$set": {"outbox": [], "outbox_at": now}})

        async def swept() -> bool:
            return await collection.count_documents({"outbox_at": {"$exists": True}}) == 0

        await wait_until(swept)


async def test_uses_are_noted_when_the_database_is_no_strangers_any_more(service: Service) -> None:
    config_id = await service.insert(service.config())
    held = [True]
    usage = Usage(service.store, clock=SYSTEM_CLOCK, metrics=Metrics("test"), is_held=lambda: held[0])
    usage.note(config_id, "mail", SYSTEM_CLOCK.now())
    await usage.flush()
    assert (await service.record(config_id)).used_by == {}
    held[0] = False
    await usage.flush()
    assert list((await service.record(config_id)).used_by) == ["mail"]


async def test_what_the_owner_has_to_do_is_left_alone_by_a_stranger_on_its_database(
    service: Service, kafka: "KafkaServer", mongo: "MongoServer", tmp_path: Path, provider: "ProviderThread"
) -> None:
    config_id = await service.insert(service.config())
    await EngineStore(service.database).write(Engine(), Engine(bus="the owner's"), (), SYSTEM_CLOCK.now())
    await left_by_the_owner(service, config_id)
    before = await service.store.collection.find_one({"_id": config_id})
    service.house.vault = service.house.vault.with_entry("r2").with_current("r2")  # which the owner does not have
    service.house.ring = service.house.ring.with_entry("r2").with_current("r2")
    async with cloned(service, kafka, mongo, tmp_path / "copy") as copy, copy.running():
        await copy.tell(ConfigPurged(config_id=config_id, revision=2, sequence=2))
        async with copy.house.asker("admin") as admin:
            assert (await engine(admin))["held"] == "another_cluster"
        await all_has_had_a_turn(copy)
        assert await service.store.collection.find_one({"_id": config_id}) == before
        assert provider.control.journal() == []
        async with copy.house.asker("admin") as admin:
            await engine(admin, RESUME)
        assert (await copy.knows(config_id, 2)).purged, "what was told meanwhile is taken then"
