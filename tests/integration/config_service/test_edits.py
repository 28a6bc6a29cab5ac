import asyncio
from datetime import timedelta
from typing import Any

import pytest

from grantkeeper.process.clock import SYSTEM_CLOCK, SYSTEM_IDS
from grantkeeper_client import Asker, ReplyError
from schemas.config_commands import (
    Command,
    ConfigCreate,
    ConfigDelete,
    ConfigGet,
    ConfigHistory,
    ConfigReleaseName,
    ConfigSetValidity,
    ConfigUndelete,
    ConfigUpdate,
    ConfigValidate,
    FieldEdits,
    TemplateList,
)
from tests.integration.config_service.service import Service, ask


async def refused(asker: Asker, command: Command) -> ReplyError:
    with pytest.raises(ReplyError) as caught:
        await ask(asker, command)
    return caught.value


def edit(config_id: str, revision: int = 1, **fields: Any) -> ConfigUpdate:
    return ConfigUpdate(config_id=config_id, expected_revision=revision, fields=FieldEdits.model_validate(fields))


async def test_a_created_config_is_answered_read_and_published(service: Service, admin: Asker) -> None:
    creation = service.creation("  Support   mailbox ")
    saved = await ask(admin, creation)
    assert (saved["revision"], saved["name"], saved["new_login"]) == (1, "Support mailbox", "no")
    event = await service.event_of_revision(creation.config_id, 1)
    assert (event.config.template, event.config.client_id, event.actor) == ("Example provider", "app", "admin")
    assert event.config.client_secret == creation.fields.client_secret
    view = await ask(admin, ConfigGet(config="support mailbox"))
    assert view["config_id"] == creation.config_id
    assert view["client_secret_set"] is True
    assert view["config"]["client_secret"] is None
    assert creation.fields.client_secret in view["text"]


async def test_an_update_makes_the_next_revision(service: Service, admin: Asker) -> None:
    creation = service.creation()
    await ask(admin, creation)
    saved = await ask(admin, edit(creation.config_id, scope="mail.send"))
    assert (saved["revision"], saved["changed"], saved["new_login"]) == (2, ["scope"], "advised")
    event = await service.event_of_revision(creation.config_id, 2)
    assert (event.config.scope, event.sequence) == ("mail.send", 2)


async def test_trying_an_update_says_what_it_would_mean_and_stores_nothing(service: Service, admin: Asker) -> None:
    creation = service.creation()
    await ask(admin, creation)
    tried = edit(creation.config_id, scope="mail.send").model_copy(update={"dry_run": True})
    assert (await ask(admin, tried))["new_login"] == "advised"
    view = await ask(admin, ConfigGet(config=creation.config_id))
    assert (view["revision"], view["config"]["scope"]) == (1, "mail.read offline_access")


async def test_of_two_stale_edits_the_second_gets_a_conflict(service: Service, admin: Asker) -> None:
    creation = service.creation()
    await ask(admin, creation)
    await ask(admin, edit(creation.config_id, scope="a"))
    error = await refused(admin, edit(creation.config_id, scope="b"))
    assert (error.code, error.facts["revision"], error.facts["changed_by"]) == ("revision_conflict", 2, "admin")
    assert error.details[0]["cure"]


async def test_of_parallel_creates_with_one_name_exactly_one_wins(service: Service, admin: Asker) -> None:
    creations = [service.creation(name) for name in ("Sales", " sales", "SALES  ", "Sales", "Sales")]
    async with service.running(), service.house.asker("console") as console:
        askers = [admin, console, admin, console, admin]
        results = await asyncio.gather(
            *(ask(asker, one) for asker, one in zip(askers, creations, strict=True)), return_exceptions=True
        )
    winners = [one for one in results if not isinstance(one, BaseException)]
    losers = [one for one in results if isinstance(one, ReplyError)]
    assert (len(winners), len(losers)) == (1, 4)
    assert {one.code for one in losers} == {"name_taken"}
    assert {one.facts["config_id"] for one in losers} == {winners[0]["config_id"]}


async def test_the_old_name_resolves_until_it_is_released(service: Service, admin: Asker) -> None:
    creation = service.creation("Old")
    await ask(admin, creation)
    await ask(admin, edit(creation.config_id, name="New"))
    view = await ask(admin, ConfigGet(config="old"))
    assert (view["config_id"], view["name"], view["renamed"]) == (creation.config_id, "New", True)
    error = await refused(admin, service.creation("Old"))
    assert (error.code, error.facts["former"], error.facts["config_id"]) == ("name_taken", True, creation.config_id)
    await ask(admin, ConfigReleaseName(config_id=creation.config_id, name="Old"))
    event = await service.event_of_revision(creation.config_id, 3)
    assert event.former_names == ()
    assert (await ask(admin, service.creation("Old")))["revision"] == 1
    assert (await refused(admin, ConfigReleaseName(config_id=creation.config_id, name="Old"))).code == "not_found"


async def test_a_deleted_config_is_off_keeps_its_name_and_comes_back(service: Service, admin: Asker) -> None:
    creation = service.creation("Old")
    await ask(admin, creation)
    await ask(admin, edit(creation.config_id, name="New"))
    assert (await ask(admin, ConfigDelete(config_id=creation.config_id)))["deleted"] is True
    event = await service.event_of_revision(creation.config_id, 3)
    assert (event.deleted, event.former_names) == (True, ())
    assert (await refused(admin, edit(creation.config_id, 3, scope="x"))).code == "deleted"
    assert (await refused(admin, service.creation("New"))).facts["deleted"] is True
    taken = service.creation("Old")
    await ask(admin, taken)
    back = await ask(admin, ConfigUndelete(config_id=creation.config_id))
    assert (back["deleted"], [one["code"] for one in back["findings"]]) == (False, ["former_name_lost"])
    assert (await ask(admin, ConfigGet(config="Old")))["config_id"] == taken.config_id


async def test_a_name_given_up_by_a_deleted_config_can_be_taken_and_blocks_its_return(
    service: Service, admin: Asker
) -> None:
    first, second = service.creation("Same"), service.creation("Same")
    await ask(admin, first)
    await ask(admin, ConfigDelete(config_id=first.config_id))
    await ask(admin, ConfigReleaseName(config_id=first.config_id, name="Same"))
    await ask(admin, second)
    error = await refused(admin, ConfigUndelete(config_id=first.config_id))
    assert (error.code, error.facts["config_id"]) == ("name_taken", second.config_id)


async def test_several_deleted_configs_without_a_name_do_not_meet(service: Service, admin: Asker) -> None:
    for name in ("A", "B"):
        creation = service.creation(name)
        await ask(admin, creation)
        await ask(admin, ConfigDelete(config_id=creation.config_id))
        saved = await ask(admin, ConfigReleaseName(config_id=creation.config_id, name=name))
        assert saved["revision"] == 3


async def test_setting_the_validity_is_an_edit(service: Service, admin: Asker) -> None:
    creation = service.creation()
    await ask(admin, creation)
    command = ConfigSetValidity(config_id=creation.config_id, validity="invalid-temporarily", expected_revision=1)
    assert (await ask(admin, command))["validity"] == "invalid-temporarily"
    event = await service.event_of_revision(creation.config_id, 2)
    assert event.config.validity == "invalid-temporarily"


async def test_a_copy_shares_the_secret_but_not_the_name(service: Service, admin: Asker) -> None:
    original = service.creation("One")
    await ask(admin, original)
    copy = ConfigCreate(config_id=SYSTEM_IDS.uuid7(), copy_of=original.config_id, fields=FieldEdits(name="Two"))
    await ask(admin, copy)
    event = await service.event_of_revision(copy.config_id, 1)
    assert event.config.client_secret == original.fields.client_secret


async def test_history_tells_who_changed_what_without_secrets(service: Service, admin: Asker) -> None:
    creation = service.creation()
    async with service.house.asker("console") as console:
        await ask(console, creation, actor="anna@example.org")
    await ask(admin, edit(creation.config_id, client_secret=service.secret("next")), actor="not anna")
    page = await ask(admin, ConfigHistory(config=creation.config_id))
    newest, oldest = page["entries"]
    assert (newest["revision"], newest["actor"], newest["changed"]) == (2, "admin", ["client_secret"])
    assert (oldest["actor"], oldest["principal"], oldest["action"]) == ("anna@example.org", "console", "created")
    assert "sealed:ey" not in repr(page)
    first = await ask(admin, ConfigHistory(config=creation.config_id, limit=1))
    assert (len(first["entries"]), first["more"]) == (1, True)
    rest = await ask(admin, ConfigHistory(config=creation.config_id, before_revision=2))
    assert ([one["revision"] for one in rest["entries"]], rest["more"]) == ([1], False)


async def test_an_unknown_template_is_refused_with_those_there_are(service: Service, admin: Asker) -> None:
    command = service.creation().model_copy(update={"template": "nope"})
    error = await refused(admin, command)
    assert error.code == "template_unknown"
    assert "example" in error.details[0]["cure"]
    page = await ask(admin, TemplateList())
    assert [one["slug"] for one in page["templates"]] == ["example"]
    assert page["templates"][0]["needs"] == ["client_id", "client_secret"]


@pytest.mark.parametrize("name", ["Müller & Söhne", "a/b\\c", "'\"{}[]:#", "x" * 250])
async def test_a_name_may_hold_what_people_type(service: Service, admin: Asker, name: str) -> None:
    creation = service.creation(name)
    assert (await ask(admin, creation))["name"] == name
    assert (await ask(admin, ConfigGet(config=name)))["config_id"] == creation.config_id


async def test_a_name_with_a_control_character_is_refused_and_nothing_is_stored(service: Service, admin: Asker) -> None:
    creation = service.creation("bell\x07")
    error = await refused(admin, creation)
    assert (error.code, error.details[0]["field"]) == ("invalid_field", "fields.name")
    assert (await refused(admin, ConfigGet(config=creation.config_id))).code == "not_found"


async def test_validation_tells_everything_and_stores_nothing(service: Service, admin: Asker) -> None:
    creation = service.creation()
    await ask(admin, creation)
    text = (await ask(admin, ConfigGet(config=creation.config_id)))["text"]
    good = await ask(admin, ConfigValidate(text=text))
    assert (good["ok"], good["config"]["client_secret"]) == (True, None)
    bad = await ask(admin, ConfigValidate(text=text.replace("AuthorizationCode\n", "Sideways\n", 1)))
    assert (bad["ok"], bad["config"]) == (False, None)
    assert {one["level"] for one in bad["findings"]} >= {"error"}
    assert all(one["line"] for one in bad["findings"] if one["level"] == "error")


async def test_a_command_that_comes_too_late_is_not_taken(service: Service) -> None:
    creation = service.creation()
    now = SYSTEM_CLOCK.now()
    late = service.house.command(creation, time=now - timedelta(minutes=1), expirytime=now - timedelta(seconds=1))
    await service.house.send(late)
    (reply,) = await service.house.answers_to(late)
    assert reply["error"]["code"] == "deadline_exceeded"
    async with service.house.asker() as admin:
        assert (await refused(admin, ConfigGet(config=creation.config_id))).code == "not_found"


@pytest.mark.parametrize("principal", ["mail", "viewer"])
async def test_only_admins_may_send_commands(service: Service, principal: str) -> None:
    async with service.house.asker(principal) as asker:
        assert (await refused(asker, service.creation())).code == "not_permitted"
