"""The real process, killed between two steps; a database that goes and comes back."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devstack.child import Child
from devstack.mongo import Mongo
from tests.integration.config_service.service import COMMAND, Service
from tests.integration.house import House, house
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.servers import KafkaServer

START = 60.0
"""Seconds for a process to start and work on a busy machine."""


async def prepared(bare_house: House) -> Service:
    """Topics and principals are there; no process runs."""
    service = Service(bare_house)
    async with service.running():
        pass
    return service


@pytest.mark.parametrize("point", ["kill@config_service.stored", "kill@bus.handled"])
async def test_what_a_killed_process_stored_is_answered_and_published_by_another(
    bare_house: House, tmp_path: Path, point: str
) -> None:
    service = await prepared(bare_house)
    creation = service.creation()
    sent = bare_house.command(creation)
    await bare_house.send(sent)
    child = service.process(tmp_path / "config_service.log", point)
    child.start()
    await wait_until(lambda: child.exit_code == -signal.SIGKILL, START)
    async with service.running():
        await service.event_of_revision(creation.config_id, 1)
        answers = await wait_until(lambda: bare_house.answers_to(sent), START)
    assert all(one == answers[0] for one in answers)
    assert answers[0]["result"]["revision"] == 1
    assert {one and one.revision for one in await service.events(creation.config_id)} == {1}


async def test_a_process_ends_cleanly_when_it_is_asked_to(bare_house: House, tmp_path: Path) -> None:
    service = await prepared(bare_house)
    child = service.process(tmp_path / "config_service.log")
    child.start()
    sent = bare_house.command(service.creation())
    await bare_house.send(sent)
    try:
        await wait_until(lambda: bare_house.answers_to(sent), START)
        child.signal(signal.SIGTERM)
        await wait_until(lambda: child.exit_code is not None, START)
        assert child.exit_code == 0
    finally:
        child.stop()


def test_a_wrong_setting_ends_the_process_with_one_line_that_names_it(tmp_path: Path) -> None:
    log = tmp_path / "config_service.log"
    child = Child("config_service", COMMAND, log=log, environment={"GRANTKEEPER_MONGO__URI": "mongodb://x"})
    child.start()
    child.wait_until_ready(lambda: True, START)
    assert child._process is not None
    assert child._process.wait(START) == 78
    assert "GRANTKEEPER_RINGS__AUTH_FILE is not set" in log.read_text()
    assert "mongodb://" not in log.read_text()


async def test_a_command_waits_for_a_database_that_is_away_and_counts_once(
    kafka: "KafkaServer", prefix: str, tmp_path: Path
) -> None:
    server = Mongo(tmp_path / "mongo").start()
    try:
        uri = f"{server.uri}&serverSelectionTimeoutMS=1000&socketTimeoutMS=1000"
        async with house(kafka.bootstrap_servers, prefix, uri, "own", tmp_path) as own:
            service = Service(own)
            sent = own.command(service.creation())
            async with service.running():
                server.child.signal(signal.SIGKILL)
                await own.send(sent)
                await wait_until(lambda: not server.child.running)
                server.start()
                (answer,) = await own.answers_to(sent)
                again = own.command(service.creation("Another"))
                await own.send(again)
                (second,) = await own.answers_to(again)
    finally:
        server.stop()
    assert (answer["result"]["revision"], second["result"]["revision"]) == (1, 1)
