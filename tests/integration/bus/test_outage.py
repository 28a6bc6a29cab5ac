"""A process starts while Kafka is away, outlives an outage, and says all the while what is wrong."""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from devstack.errors import PartMissing
from devstack.kafka import Kafka
from grantkeeper.bus import broker as broker_room
from grantkeeper.bus import publish
from grantkeeper.bus import tail as tail_room
from grantkeeper.bus.broker import Broker
from grantkeeper.bus.errors import Unavailable
from grantkeeper.bus.principals import PrincipalDirectory
from grantkeeper.bus.publish import Publisher
from grantkeeper.bus.received import Received
from grantkeeper.bus.topics import Topics
from grantkeeper.crypto.ring import AuthRing
from grantkeeper.process.clock import SYSTEM_CLOCK
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.settings import KafkaSettings, SettingsError
from schemas.topics import CONFIG_COMMANDS, CONFIG_EVENTS, DEAD_LETTERS, PRINCIPALS
from tests.conftest import part_missing
from tests.integration.bus.installation import Installation, an_event, consuming, message, running, subscribe
from tests.servers import IMPATIENT
from tests.waiting import wait_until


@pytest.fixture
async def own_kafka(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Kafka]:
    """A broker of this test alone, not started."""
    try:
        server = Kafka(tmp_path, properties=IMPATIENT)
    except PartMissing as missing:
        part_missing(request.config, str(missing))
    yield server
    await asyncio.to_thread(server.stop)


@pytest.mark.long
async def test_a_process_waits_for_a_kafka_that_is_not_there_yet(own_kafka: Kafka) -> None:
    settings = KafkaSettings(bootstrap_servers=own_kafka.bootstrap_servers, prefix="t.", partitions=1)
    ring, metrics = AuthRing.new("r1"), Metrics("test")
    topics = Topics(settings, [PRINCIPALS, CONFIG_EVENTS, DEAD_LETTERS], clock=SYSTEM_CLOCK, metrics=metrics)
    key = ring.service_key("config_service")
    publisher = Publisher(settings, key, service="config_service", clock=SYSTEM_CLOCK, metrics=metrics)
    directory = PrincipalDirectory(settings, ring, service="test", clock=SYSTEM_CLOCK)

    async def start() -> None:
        for part in (topics, publisher, directory):
            await part.start()

    starting = asyncio.create_task(start())
    assert publisher.problems() == ["publisher is not connected to Kafka"]
    assert directory.problems() == ["tail of principals does not run"]
    try:
        await asyncio.to_thread(own_kafka.start)
        await starting
        assert publisher.problems() == directory.problems() == []
    finally:
        starting.cancel()
        await directory.stop()
        await publisher.stop()


@pytest.mark.long
async def test_consumers_wait_for_a_kafka_that_is_not_there_yet(own_kafka: Kafka) -> None:
    """FastStream's own start would raise, and leave a half-started consumer behind."""
    await asyncio.to_thread(own_kafka.start)
    async with running(own_kafka.bootstrap_servers, "t.") as installation:
        await asyncio.to_thread(own_kafka.child.kill)
        handled: list[str] = []
        broker = noting(installation, handled)
        starting = asyncio.create_task(broker.start())
        assert broker.problems() == ["config.commands: consumer has not started"]
        await asyncio.to_thread(own_kafka.start)
        await starting
        try:
            question = installation.question(message("command"))
            await installation.send(question)
            await wait_until(lambda: handled == [question.id])
        finally:
            await broker.stop()


@pytest.mark.long
async def test_an_outage_is_outlived_by_publisher_consumer_and_tail(
    own_kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.to_thread(own_kafka.start)
    async with running(own_kafka.bootstrap_servers, "t.") as installation:
        handled: list[str] = []
        broker = noting(installation, handled)
        async with consuming(broker):
            before = installation.question(message("command"))
            await installation.send(before)
            await wait_until(lambda: handled == [before.id])
            await asyncio.to_thread(own_kafka.child.kill)
            with monkeypatch.context() as patched:
                patched.setattr(publish, "WITHIN", 1.0)
                with pytest.raises(Unavailable, match="no acknowledgement within 1 s"):
                    await say(installation, 1)
            assert installation.publisher.problems() == ["publishing fails: no acknowledgement within 1 s"]
            await asyncio.to_thread(own_kafka.start)
            await say(installation, 2)
            assert installation.publisher.problems() == []
            after = installation.question(message("command"))
            await installation.send(after)
            await wait_until(lambda: handled == [before.id, after.id], deadline=40)
            await installation.registered("mail-1", "mail")
            await wait_until(lambda: not broker.problems())
        events = [event.id for event in await installation.read(CONFIG_EVENTS)]
    assert events in (["1", "2"], ["2"]), "what was given up may have arrived, never after what came later"


@pytest.mark.long
async def test_a_kafka_that_hangs_is_a_problem_until_it_answers_again(
    own_kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections stay open and nothing fails: only the missing answers tell."""
    monkeypatch.setattr(broker_room, "SILENT_AFTER", 2.0)
    monkeypatch.setattr(tail_room, "SILENT_AFTER", 2.0)
    await asyncio.to_thread(own_kafka.start)
    async with running(own_kafka.bootstrap_servers, "t.") as installation:
        broker, directory = noting(installation, []), installation.directory
        async with consuming(broker):
            await wait_until(lambda: not broker.problems() and not directory.problems())
            own_kafka.child.signal(signal.SIGSTOP)
            try:
                await wait_until(lambda: broker.problems() and directory.problems())
                assert "config.commands: no answer from Kafka for" in broker.problems()[0]
                assert "tail of principals: no answer from Kafka for" in directory.problems()[0]
            finally:
                own_kafka.child.signal(signal.SIGCONT)
            await wait_until(lambda: not broker.problems() and not directory.problems(), deadline=40)


async def test_what_waiting_does_not_cure_is_told_by_the_name_of_its_setting(installation: Installation) -> None:
    impossible = installation.settings.model_copy(update={"session_timeout": 0.2})
    broker = installation.broker(impossible)
    subscribe(broker, "command", installation.gate(CONFIG_COMMANDS), _nothing)
    with pytest.raises(SettingsError, match="GRANTKEEPER_KAFKA__SESSION_TIMEOUT is outside"):
        await broker.start()
    await broker.stop()


async def _nothing(_messages: Sequence[Received]) -> None: ...


def noting(installation: Installation, handled: list[str]) -> Broker:
    async def note(messages: Sequence[Received]) -> None:
        handled.extend(one.envelope.id for one in messages)

    broker = installation.broker()
    subscribe(broker, "command", installation.gate(CONFIG_COMMANDS), note)
    return broker


async def say(installation: Installation, number: int) -> None:
    event, publisher = an_event(number), installation.publisher
    await publisher.publish_many([publisher.event(event, id=str(number), time=installation.now(), key=event.config_id)])
