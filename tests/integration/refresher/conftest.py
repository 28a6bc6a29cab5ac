"""The refresher on real Kafka and MongoDB against the local provider, with principals of every role."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from grantkeeper_client import Asker
from tests.integration.house import house
from tests.integration.refresher.service import Service
from tests.partners.fixtures import provider  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread
    from tests.servers import KafkaServer, MongoServer


@pytest.fixture
async def service(
    kafka: "KafkaServer",
    mongo: "MongoServer",
    prefix: str,
    database: str,
    tmp_path: Path,
    provider: "ProviderThread",  # noqa: F811 - asks for the fixture
) -> AsyncIterator[Service]:
    """An installation that is ready for refreshers; none runs yet."""
    async with house(kafka.bootstrap_servers, prefix, mongo.uri, database, tmp_path) as one:
        service = Service(one, provider.base_url)
        await service.prepare()
        yield service
        service.database.client.close()


@pytest.fixture
async def refresher(service: Service) -> AsyncIterator[Service]:
    """One refresher running."""
    async with service.running():
        yield service


@pytest.fixture
async def admin(refresher: Service) -> AsyncIterator[Asker]:
    async with refresher.house.asker("admin") as asker:
        yield asker
