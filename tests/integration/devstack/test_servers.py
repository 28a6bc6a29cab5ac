"""The servers that tests and `make run` start are the real ones, keep their data and leave nothing behind."""

import signal
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from motor.motor_asyncio import AsyncIOMotorClient

from devstack.child import group_members
from devstack.kafka import Kafka
from devstack.mongo import Mongo
from devstack.ports import free_ports, is_free
from tests.servers import KafkaServer, MongoServer


async def test_a_record_sent_is_read_back(kafka: KafkaServer, prefix: str) -> None:
    await create_topic(kafka.bootstrap_servers, prefix + "letters")
    await send(kafka.bootstrap_servers, prefix + "letters", b"hello")
    assert await read_one(kafka.bootstrap_servers, prefix + "letters") == b"hello"


async def test_a_transaction_commits_because_the_server_is_a_replica_set(mongo: MongoServer, database: str) -> None:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(mongo.uri)
    await client[database].create_collection("papers")
    async with await client.start_session() as session, session.start_transaction():
        await client[database].papers.insert_one({"_id": 1}, session=session)
    assert await client[database].papers.count_documents({}) == 1
    client.close()


@pytest.mark.long
async def test_kafka_keeps_its_records_over_kill_and_another_port(tmp_path: Path) -> None:
    broker = Kafka(tmp_path).start()
    await create_topic(broker.bootstrap_servers, "letters")
    await send(broker.bootstrap_servers, "letters", b"kept")
    broker.child.kill()
    again = Kafka(tmp_path).start()
    try:
        assert again.node.port != broker.node.port
        assert await read_one(again.bootstrap_servers, "letters") == b"kept"
    finally:
        again.stop()


@pytest.mark.long
async def test_mongo_keeps_its_documents_over_kill_and_another_port(tmp_path: Path) -> None:
    first = Mongo(tmp_path).start()
    await insert(first.uri, {"_id": 1})
    first.child.kill()
    again = Mongo(tmp_path, free_ports(1)[0]).start()
    try:
        assert again.port != first.port
        await insert(again.uri, {"_id": 2})
        assert await count(again.uri) == 2
    finally:
        again.stop()


def test_stopping_a_frozen_server_leaves_no_process_and_no_port(tmp_path: Path) -> None:
    server = Mongo(tmp_path).start()
    group = server.child.pid
    assert group is not None
    assert group_members(group)
    server.child.signal(signal.SIGSTOP)
    server.stop()
    assert group_members(group) == []
    assert is_free(server.port)


async def create_topic(bootstrap_servers: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    await admin.close()


async def send(bootstrap_servers: str, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, value)


async def read_one(bootstrap_servers: str, topic: str) -> bytes | None:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    async with consumer:
        value: bytes | None = (await consumer.getone()).value
        return value


async def insert(uri: str, document: dict[str, Any]) -> None:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(uri, w="majority", journal=True)
    await client.shelf.papers.insert_one(document)
    client.close()


async def count(uri: str) -> int:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(uri)
    found = await client.shelf.papers.count_documents({})
    client.close()
    return found
