"""The notifier on real Kafka and MongoDB; the test speaks as the refresher and as admins."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.house import house
from tests.integration.notifier.service import Service

if TYPE_CHECKING:
    from tests.servers import KafkaServer, MongoServer


@pytest.fixture
async def idle(
    kafka: "KafkaServer", mongo: "MongoServer", prefix: str, database: str, tmp_path: Path
) -> AsyncIterator[Service]:
    """Topics and principals are there; no process runs."""
    async with house(kafka.bootstrap_servers, prefix, mongo.uri, database, tmp_path) as one:
        service = Service(one)
        await service.prepare()
        yield service


@pytest.fixture
async def service(idle: Service) -> AsyncIterator[Service]:
    async with idle.running():
        yield idle
