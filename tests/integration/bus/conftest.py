"""The installation that every test of the bus gets anew."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from tests.integration.bus.installation import Installation, running

if TYPE_CHECKING:
    from tests.servers import KafkaServer


@pytest.fixture
async def installation(kafka: "KafkaServer", prefix: str) -> AsyncIterator[Installation]:
    async with running(kafka.bootstrap_servers, prefix) as one:
        yield one
