"""MongoDB or Kafka away in the middle of what only a person could repeat."""

import asyncio
import signal
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devstack.kafka import Kafka
from devstack.provider.faults import Fault
from services.refresher.domain.record import Record
from tests.integration.house import house
from tests.integration.refresher.service import Service, ask
from tests.integration.refresher.test_crashes import GET, grant_of, own_mongo, stored
from tests.integration.refresher.test_logins import Browser
from tests.servers import IMPATIENT
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread
    from tests.servers import KafkaServer, MongoServer


@pytest.mark.long
async def test_what_a_code_has_brought_is_kept_while_the_database_is_away(
    kafka: "KafkaServer", provider: "ProviderThread", prefix: str, tmp_path: Path
) -> None:
    """The code is spent: even the look whether another config holds the same grant waits for the database."""
    async with own_mongo(tmp_path / "mongo") as mongo:
        sent = asyncio.Event()

        async def freeze(point: str) -> None:
            if point == "refresher.sent":
                mongo.child.signal(signal.SIGSTOP)
                sent.set()

        uri = f"{mongo.uri}&socketTimeoutMS=1000&serverSelectionTimeoutMS=500"
        async with house(kafka.bootstrap_servers, prefix, uri, "own", tmp_path) as one:
            service = Service(one, provider.base_url)
            await service.prepare()
            async with service.running(freeze), one.asker("admin") as admin:
                browser = Browser(service, admin, await service.configured(service.config()))
                given = browser.come_back((await browser.start())["url"])
                completing = asyncio.create_task(browser.complete(given))
                await sent.wait()
                await asyncio.sleep(3)  # longer than every time-out of the driver
                mongo.child.signal(signal.SIGCONT)
                record = await stored(service, lambda record: record.grant.generation == 1, browser.config)
                await asyncio.wait([completing])
            service.database.client.close()
    assert (record.state, record.grant.refresh_token is not None) == ("active", True)
    assert [one.outcome for one in provider.control.journal()] == ["ok"]


@pytest.mark.long
async def test_who_waits_while_kafka_is_away_is_answered_when_it_is_back(
    mongo: "MongoServer", provider: "ProviderThread", prefix: str, database: str, tmp_path: Path
) -> None:
    server = Kafka(tmp_path / "kafka", properties=IMPATIENT)
    try:
        server.start()
        async with house(server.bootstrap_servers, prefix, mongo.uri, database, tmp_path) as one:
            service = Service(one, provider.base_url)
            await service.prepare()
            await refreshed_in_an_outage(service, provider, server)
            service.database.client.close()
    finally:
        server.stop()


async def refreshed_in_an_outage(service: Service, provider: "ProviderThread", server: Kafka) -> None:
    config_id = await grant_of(service, provider, "strict")
    provider.control.fail(Fault(delay=4, next=1))
    # Until somebody asks nothing is due: the refresher must not begin before the question.
    await service.store.collection.update_one({"_id": config_id}, {"$set": {"due": None}})
    async with service.running(), service.house.asker("mail") as mail:
        asking = asyncio.create_task(ask(mail, GET, {"config": config_id}, deadline=timedelta(seconds=60)))

        async def begun() -> bool:
            return bool(provider.control.journal(only_open=True))

        await wait_until(begun)
        server.child.signal(signal.SIGSTOP)
        record = await stored(service, renewed, config_id)
        server.child.signal(signal.SIGCONT)
        answer = await asking
        assert (answer["generation"], record.grant.generation) == (2, 2)

        async def told() -> bool:
            return "refreshed" in [one.happened for one in await service.token_events(config_id)]

        await wait_until(told, 40)
    assert len(provider.control.journal()) == 1


def renewed(record: Record) -> bool:
    return record.grant.generation == 2
