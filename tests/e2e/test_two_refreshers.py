"""Two refreshers as processes of their own and one expired access token: one call to the provider serves everyone."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devstack.provider.faults import Fault
from tests.integration.house import house
from tests.integration.refresher.service import CLIENT_ID, Service, ask
from tests.partners.fixtures import provider  # noqa: F401 - a fixture
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread
    from tests.servers import KafkaServer, MongoServer

GET = "grantkeeper.token.get.v1"
ASKERS = 8


@pytest.fixture
async def service(
    kafka: "KafkaServer",
    mongo: "MongoServer",
    prefix: str,
    database: str,
    tmp_path: Path,
    provider: "ProviderThread",  # noqa: F811 - asks for the fixture
) -> AsyncIterator[Service]:
    """Two processes that share the partitions of `token.requests`."""
    async with house(kafka.bootstrap_servers, prefix, mongo.uri, database, tmp_path) as one:
        service = Service(one, provider.base_url)
        await service.prepare()
        children = [service.process(tmp_path / f"refresher-{number}.log") for number in (1, 2)]
        try:
            for child in children:
                child.start()
            yield service
            assert all(child.running for child in children)
        finally:
            for child in children:
                child.stop()
            service.database.client.close()


async def test_eight_at_once_get_what_one_call_at_a_strict_provider_yielded(
    service: Service,
    provider: "ProviderThread",  # noqa: F811 - asks for the fixture
) -> None:
    async with service.house.asker("mail") as mail, service.house.asker("admin") as admin:
        both = [await service.configured(service.config(name)) for name in ("One", "Two")]
        await asyncio.gather(*(service.status(admin, one) for one in both))
        provider.control.fail(Fault(delay=1.0))
        minted = provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)[0]
        await service.plant(both[0], minted, age=timedelta(hours=2))
        question = {"config": both[0]}
        answers = await asyncio.gather(*(ask(mail, GET, question) for _ in range(ASKERS)))
    assert len(answers) == ASKERS
    assert {answer["generation"] for answer in answers} == {2}
    await wait_until(lambda: not provider.control.journal(only_open=True))
    assert len(provider.control.journal()) == 1
