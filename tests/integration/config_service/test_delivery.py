"""Commands that come twice, late, to two processes, or to one that dies between two steps: one effect, one reply."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from grantkeeper.process.clock import SYSTEM_CLOCK, SYSTEM_IDS
from grantkeeper.process.failpoints import Hook
from grantkeeper_client import Envelope, sign
from schemas.config_commands import (
    Command,
    ConfigDelete,
    ConfigImport,
    ConfigReleaseName,
    ConfigSetValidity,
    ConfigUndelete,
    ConfigUpdate,
    FieldEdits,
    ImportRecord,
    PrincipalAdd,
    PrincipalDisable,
)
from services.config_service import document
from tests.integration.config_service.service import Service, ask
from tests.integration.house import House
from tests.unit.config_service.stored import config
from tests.waiting import wait_until

PREPARED = 3
"""Revision of the config on which each command is tried: created, renamed, set temporarily invalid."""


async def prepared(service: Service, *, deleted: bool = False) -> str:
    """A config with a former name."""
    creation = service.creation("Old")
    config_id = creation.config_id
    async with service.house.asker() as admin:
        await ask(admin, creation)
        await ask(admin, ConfigUpdate(config_id=config_id, expected_revision=1, fields=FieldEdits(name="New")))
        if deleted:
            await ask(admin, ConfigDelete(config_id=config_id))
        else:
            await ask(admin, ConfigSetValidity(config_id=config_id, validity="invalid-temporarily"))
    return config_id


def import_of(text: str, **more: Any) -> ConfigImport:
    record = ImportRecord(index=0, line=1, config_id=SYSTEM_IDS.uuid7(), text=text)
    return ConfigImport(import_id=SYSTEM_IDS.uuid7(), chunk=0, records=(record,), **more)


def command(kind: str, config_id: str, service: Service) -> Command:
    edits = FieldEdits(scope="mail.send")
    commands: dict[str, Command] = {
        "create": service.creation("Another"),
        "update": ConfigUpdate(config_id=config_id, expected_revision=PREPARED, fields=edits),
        "set_validity": ConfigSetValidity(config_id=config_id, validity="invalid", expected_revision=PREPARED),
        "delete": ConfigDelete(config_id=config_id, expected_revision=PREPARED),
        "undelete": ConfigUndelete(config_id=config_id),
        "release_name": ConfigReleaseName(config_id=config_id, name="Old"),
        "import": import_of(document.write(config(name="Imported"))),
        "principal_add": PrincipalAdd(principal="mail-9", role="mail"),
        "principal_disable": PrincipalDisable(principal="viewer"),
    }
    return commands[kind]


KINDS = (
    "create",
    "update",
    "set_validity",
    "delete",
    "undelete",
    "release_name",
    "import",
    "principal_add",
    "principal_disable",
)


async def fingerprint(service: Service) -> dict[str, Any]:
    """All that is stored, without what only says whether it was published."""
    found: dict[str, Any] = {}
    for name in ("token_configs", "token_config_history", "principals", "commands"):
        async with service.collection(name) as collection:
            rows = [row async for row in collection.find().sort("_id", 1)]
        hidden = {"outbox", "outbox_at", "counted_on"}
        found[name] = [{key: value for key, value in row.items() if key not in hidden} for row in rows]
    return found


@pytest.mark.parametrize("kind", KINDS)
async def test_a_command_that_comes_three_times_to_two_processes_counts_once(service: Service, kind: str) -> None:
    config_id = await prepared(service, deleted=kind == "undelete")
    sent = service.house.command(command(kind, config_id, service))
    async with service.running():
        await service.house.send(sent, partition=0)
        (first,) = await service.house.answers_to(sent)
        before = await fingerprint(service)
        await service.house.send(sent, partition=1)
        await service.house.send(sent, partition=2)
        answers = await service.house.answers_to(sent, count=3)
    assert first["ok"] is True
    assert answers == [first] * 3
    assert await fingerprint(service) == before


async def test_the_same_command_on_three_partitions_at_once_counts_once(service: Service) -> None:
    creation = service.creation()
    sent = service.house.command(creation)
    async with service.running(), service.running():
        for partition in (0, 1, 2):
            await service.house.send(sent, partition=partition)
        answers = await service.house.answers_to(sent, count=3)
    assert answers == [answers[0]] * 3
    assert answers[0]["result"]["revision"] == 1


async def test_a_refusal_stays_the_same_when_its_reason_is_gone(service: Service) -> None:
    config_id = await prepared(service)
    refused = service.house.command(service.creation("New"))
    await service.house.send(refused)
    (first,) = await service.house.answers_to(refused)
    assert first["error"]["code"] == "name_taken"
    async with service.house.asker() as admin:
        update = ConfigUpdate(config_id=config_id, expected_revision=PREPARED, fields=FieldEdits(name="Newer"))
        await ask(admin, update)
        await ask(admin, ConfigReleaseName(config_id=config_id, name="New"))
    await service.house.send(refused)
    assert await service.house.answers_to(refused, count=2) == [first, first]


async def test_one_id_with_other_bytes_is_refused(service: Service) -> None:
    sent = service.house.command(service.creation("One"))
    await service.house.send(sent)
    await service.house.answers_to(sent)
    other = service.house.command(service.creation("Two"), id=sent.id)
    await service.house.send(other)
    (reply,) = await service.house.answers_to(other)
    assert reply["error"]["code"] == "id_reused"
    from_another = service.house.command(service.creation("Two"), "console", id=sent.id)
    await service.house.send(from_another)
    (own,) = await service.house.answers_to(from_another, principal="console")
    assert own["ok"] is True


async def test_a_late_repetition_hears_what_became_of_it(service: Service) -> None:
    now = SYSTEM_CLOCK.now()
    sent = service.house.command(service.creation(), expirytime=now + timedelta(seconds=60))
    await service.house.send(sent)
    (first,) = await service.house.answers_to(sent)
    late = replace(sent, signature=None, expirytime=now - timedelta(seconds=5), time=now - timedelta(seconds=9))
    await service.house.send(_signed(service.house, late))
    assert await service.house.answers_to(sent, count=2) == [first, first]


async def test_another_order_of_edits_ends_in_a_conflict_not_in_a_lost_edit(service: Service) -> None:
    config_id = await prepared(service)
    later = ConfigUpdate(config_id=config_id, expected_revision=PREPARED + 1, fields=FieldEdits(scope="second"))
    sooner = ConfigUpdate(config_id=config_id, expected_revision=PREPARED, fields=FieldEdits(scope="first"))
    sent = [service.house.command(one) for one in (later, sooner)]
    await service.house.send(*sent, partition=0)
    (conflict,), (done,) = [await service.house.answers_to(one) for one in sent]
    assert conflict["error"]["code"] == "revision_conflict"
    assert done["result"]["revision"] == PREPARED + 1


@pytest.mark.parametrize("point", ["config_service.stored", "outbox.stored", "outbox.published", "bus.handled"])
async def test_a_process_that_dies_between_two_steps_loses_and_doubles_nothing(bare_house: House, point: str) -> None:
    service = Service(bare_house)
    creation = service.creation()
    sent = bare_house.command(creation)
    armed = asyncio.Event()
    async with service.running(hook=_dies_once_at(point, armed)):
        armed.set()
        await bare_house.send(sent)
        event = await service.event_of_revision(creation.config_id, 1)
        answers = await bare_house.answers_to(sent)
        await wait_until(lambda: _is_published(service))
    assert not armed.is_set(), "it died there"
    assert event.sequence == 1
    assert all(one == answers[0] for one in answers)
    assert answers[0]["result"]["revision"] == 1
    assert {one and one.sequence for one in await service.events(creation.config_id)} == {1}


async def _is_published(service: Service) -> bool:
    async with service.collection("token_configs") as configs:
        return bool(await configs.count_documents({"outbox_at": {"$exists": True}}) == 0)


def _dies_once_at(point: str, armed: asyncio.Event) -> Hook:
    async def hook(reached: str) -> None:
        if reached == point and armed.is_set():
            armed.clear()
            raise RuntimeError(f"died at {point}")

    return hook


def _signed(house: House, envelope: Envelope) -> Envelope:
    return sign(envelope, house.ring.principal_key("admin", 1))
