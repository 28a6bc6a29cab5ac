"""config_service on real Kafka and MongoDB, with the principals `admin`, `console` (acts for users) and `mail`."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from grantkeeper_client import Asker
from tests.integration.config_service.service import Service
from tests.integration.house import House, house

if TYPE_CHECKING:
    from tests.servers import KafkaServer, MongoServer


@pytest.fixture
async def bare_house(
    kafka: "KafkaServer", mongo: "MongoServer", prefix: str, database: str, tmp_path: Path
) -> AsyncIterator[House]:
    async with house(kafka.bootstrap_servers, prefix, mongo.uri, database, tmp_path) as one:
        yield one


@pytest.fixture
async def service(bare_house: House) -> AsyncIterator[Service]:
    one = Service(bare_house)
    async with one.running():
        yield one


@pytest.fixture
async def admin(service: Service) -> AsyncIterator[Asker]:
    async with service.house.asker("admin") as asker:
        yield asker
