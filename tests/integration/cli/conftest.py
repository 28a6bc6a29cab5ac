from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.integration.cli import installation as installations
from tests.integration.cli.installation import Installation

if TYPE_CHECKING:
    from tests.servers import KafkaServer, MongoServer


@pytest.fixture(scope="module")
def installation(
    kafka: "KafkaServer", mongo: "MongoServer", tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """All services, running, for the tests of one file: each uses names of its own."""
    with installations.installation(kafka, mongo, tmp_path_factory.mktemp("installation")) as running:
        yield running
