"""The servers behind the fixtures: started from packages, or those the environment names."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from pymongo import MongoClient

from devstack.kafka import Kafka
from devstack.mongo import Mongo

# Shorter than a production broker allows or waits, so that a test on a killed member or a deleted topic ends soon.
IMPATIENT = {"group.min.session.timeout.ms": "1000", "file.delete.delay.ms": "1000"}


@dataclass(frozen=True, slots=True)
class KafkaServer:
    """A broker for tests; `process` is None where the environment named it."""

    bootstrap_servers: str
    process: Kafka | None = None

    def delete_topics(self, prefix: str) -> None:
        loop = asyncio.new_event_loop()  # a test's own loop is not running any more, and must not be replaced
        try:
            loop.run_until_complete(_delete_topics(self.bootstrap_servers, prefix))
        finally:
            loop.close()


@dataclass(frozen=True, slots=True)
class MongoServer:
    """A replica set for tests; `process` is None where the environment named it."""

    uri: str
    process: Mongo | None = None

    def drop(self, database: str) -> None:
        with MongoClient[dict[str, Any]](self.uri) as client:
            client.drop_database(database)


@contextmanager
def running_kafka(environment: Mapping[str, str], folder: Path) -> Iterator[KafkaServer]:
    if named := environment.get("GRANTKEEPER_KAFKA__BOOTSTRAP_SERVERS"):
        yield KafkaServer(named)
        return
    broker = Kafka(folder, properties=IMPATIENT)
    try:
        yield KafkaServer(broker.start().bootstrap_servers, broker)
    finally:
        broker.stop()


@contextmanager
def running_mongo(environment: Mapping[str, str], folder: Path) -> Iterator[MongoServer]:
    if named := environment.get("GRANTKEEPER_MONGO__URI"):
        yield MongoServer(named)
        return
    server = Mongo(folder)
    try:
        yield MongoServer(server.start().uri, server)
    finally:
        server.stop()


async def _delete_topics(bootstrap_servers: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        topics = [name for name in await admin.list_topics() if name.startswith(prefix)]
        if topics:
            await admin.delete_topics(topics)
    finally:
        await admin.close()
