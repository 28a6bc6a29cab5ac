"""How far a service is behind, asked of a real Kafka."""

from contextlib import suppress

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from grantkeeper.bus.errors import Unavailable
from grantkeeper.bus.lag import SUBSCRIPTIONS, Lag, read_lags
from grantkeeper.bus.topics import ensure_topics
from grantkeeper.process.settings import KafkaSettings
from schemas.topics import EXPIRY_EVENTS
from tests.servers import KafkaServer
from tests.waiting import wait_until


@pytest.fixture
async def settings(kafka: KafkaServer, prefix: str) -> KafkaSettings:
    made = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers, prefix=prefix, partitions=3)
    await ensure_topics(made, [topic for _, topic in SUBSCRIPTIONS])

    async def knows_groups() -> bool:
        # A Kafka that has never had a group makes the topic of their offsets when it is first asked.
        with suppress(Unavailable):
            return bool(await read_lags(made, "console"))
        return False

    await wait_until(knows_groups)
    return made


async def of_notifier(settings: KafkaSettings) -> Lag:
    """What is said of the notifier on expiry.events."""
    found = {(one.service, one.topic): one for one in await read_lags(settings, "console")}
    assert set(found) == set(SUBSCRIPTIONS)
    return found["notifier", EXPIRY_EVENTS]


async def test_what_is_not_done_waits_and_members_are_counted(settings: KafkaSettings) -> None:
    topic, group = settings.topic(EXPIRY_EVENTS), settings.topic(f"notifier.{EXPIRY_EVENTS}")
    assert await of_notifier(settings) == Lag("notifier", EXPIRY_EVENTS, waiting=0, processes=0)
    async with AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers) as producer:
        for partition in (0, 0, 0, 1, 2):
            await producer.send_and_wait(topic, b"x", partition=partition)
    assert await of_notifier(settings) == Lag("notifier", EXPIRY_EVENTS, waiting=5, processes=0)
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=settings.bootstrap_servers,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    async with consumer:
        taken = 0
        while taken < 5:
            taken += len([await consumer.getone()])
        await consumer.commit(dict.fromkeys(consumer.assignment(), 1))
        assert await of_notifier(settings) == Lag("notifier", EXPIRY_EVENTS, waiting=2, processes=1)
        await consumer.commit()
        assert (await of_notifier(settings)).waiting == 0

    async def is_left() -> bool:
        return (await of_notifier(settings)).processes == 0

    await wait_until(is_left)


async def test_a_kafka_that_is_away_is_said_so() -> None:
    with pytest.raises(Unavailable):
        await read_lags(KafkaSettings(bootstrap_servers="127.0.0.1:1", prefix="t."), "console")
