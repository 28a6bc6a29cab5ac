"""One process that stores a document and is killed on its way to publishing it.

`python -m tests.integration.bus.writer SERVERS PREFIX RING MONGO_URI DATABASE FAILPOINT`.
"""

import asyncio
import sys

from pydantic import SecretStr

from grantkeeper.bus.outbox import OutboxRelay
from grantkeeper.bus.publish import Publisher
from grantkeeper.crypto.ring import AuthRing
from grantkeeper.mongo.client import MongoConnection
from grantkeeper.mongo.outbox import Outbox
from grantkeeper.process.clock import SYSTEM_CLOCK
from grantkeeper.process.failpoints import Failpoints
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.settings import KafkaSettings, MongoSettings
from tests.integration.bus.test_outbox import state, write


async def main(servers: str, prefix: str, ring_file: str, uri: str, database: str, failpoint: str) -> None:
    ring, metrics = AuthRing.from_file(ring_file), Metrics("test")
    connection = MongoConnection(
        MongoSettings(uri=SecretStr(uri), database=database), service="test", clock=SYSTEM_CLOCK
    )
    key = ring.service_key("config_service")
    settings = KafkaSettings(bootstrap_servers=servers, prefix=prefix)
    publisher = Publisher(settings, key, service="config_service", clock=SYSTEM_CLOCK, metrics=metrics)
    await connection.start()
    await publisher.start()
    relay = OutboxRelay(
        Outbox(connection.database.things, state),
        publisher,
        clock=SYSTEM_CLOCK,
        metrics=metrics,
        failpoints=Failpoints.from_setting(failpoint),
    )
    await relay.publish_now([await write(connection.database, "a")])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
