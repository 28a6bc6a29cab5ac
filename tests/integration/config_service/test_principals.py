import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from grantkeeper_client import Asker, ReplyError
from schemas.config_commands import ConfigGet, PrincipalAdd, PrincipalDisable, PrincipalList, TemplateList
from schemas.principals import PrincipalChanged
from schemas.topics import PRINCIPALS
from services.config_service.pages import PAGE_MAX_BYTES
from tests.integration.config_service.service import Service, ask
from tests.integration.house import House
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping


async def announced(service: Service) -> "Mapping[str, PrincipalChanged]":
    """What a reader of the topic knows."""
    known: dict[str, PrincipalChanged] = {}
    for one in await service.house.read(PRINCIPALS):
        change = PrincipalChanged.model_validate_json(one.value or b"")
        if change.sequence >= (known[change.principal].sequence if change.principal in known else 0):
            known[change.principal] = change
    return known


async def test_the_mounted_list_is_registered_and_announced(service: Service) -> None:
    known = await announced(service)
    assert {name: one.role for name, one in known.items()} == {
        "admin": "admin",
        "console": "admin",
        "viewer": "viewer",
        "mail": "mail",
    }
    assert known["console"].acts_for_users
    assert not known["admin"].acts_for_users


async def test_a_second_start_changes_nothing_that_an_admin_changed(service: Service, admin: Asker) -> None:
    await ask(admin, PrincipalDisable(principal="mail"))
    async with service.running():
        known = await announced(service)
    assert (known["mail"].disabled, known["mail"].sequence) == (True, 2)


async def test_a_new_principal_can_ask_at_once(service: Service, admin: Asker) -> None:
    await ask(admin, PrincipalAdd(principal="second-admin", role="admin"))
    async with service.house.asker("second-admin") as second:
        page = await ask(second, PrincipalList())
    assert [one["principal"] for one in page["principals"]] == ["admin", "console", "mail", "second-admin", "viewer"]


async def test_a_list_that_fits_into_no_message_comes_in_pages(service: Service, admin: Asker) -> None:
    many = tuple(f"01900000-0000-7000-8000-{n:012}" for n in range(1_000))
    names = [f"mail-{n}" for n in range(15)]
    for name in names:
        await ask(admin, PrincipalAdd(principal=name, role="mail", configs=many))
    pages = [await ask(admin, PrincipalList())]
    while (cursor := pages[-1]["cursor"]) is not None:
        pages.append(await ask(admin, PrincipalList(cursor=cursor)))
    assert len(pages) > 1
    assert all(len(json.dumps(page)) <= PAGE_MAX_BYTES for page in pages)
    found = [one["principal"] for page in pages for one in page["principals"]]
    assert found == sorted([*names, "admin", "console", "mail", "viewer"])


async def test_a_disabled_principal_is_refused_and_comes_back_with_a_new_credential_only(
    service: Service, admin: Asker
) -> None:
    await ask(admin, PrincipalAdd(principal="anna", role="admin"))
    async with service.house.asker("anna") as anna:
        await ask(anna, TemplateList())
        await ask(admin, PrincipalDisable(principal="anna"))
        await wait_until(lambda: _is_refused(anna))
        view = await ask(admin, PrincipalAdd(principal="anna", role="admin"))
        assert view["principal"]["version"] == 2
        await wait_until(lambda: _is_refused(anna))
    async with service.house.asker("anna", version=2) as again:
        await ask(again, TemplateList())


async def test_an_unregistered_principal_is_told_to_ask_again(service: Service) -> None:
    sent = service.house.command(ConfigGet(config="x"), "stranger")
    await ask_nothing(service, "stranger")
    await service.house.send(sent)
    (reply,) = await service.house.answers_to(sent, principal="stranger")
    assert (reply["error"]["code"], reply["error"]["retryable"]) == ("not_caught_up", True)


async def test_two_admins_who_disable_each_other_at_once_leave_one(service: Service, admin: Asker) -> None:
    await ask(admin, PrincipalDisable(principal="console"))
    await ask(admin, PrincipalAdd(principal="anna", role="admin"))
    async with service.running(), service.house.asker("anna") as anna:
        await ask(anna, TemplateList())
        results = await asyncio.gather(
            ask(admin, PrincipalDisable(principal="anna")),
            ask(anna, PrincipalDisable(principal="admin")),
            return_exceptions=True,
        )
    left = [one for one in (await announced(service)).values() if one.role == "admin" and not one.disabled]
    assert len(left) == 1
    assert sum(isinstance(one, ReplyError) for one in results) == 1


async def test_the_last_admin_cannot_be_disabled(service: Service, admin: Asker) -> None:
    await ask(admin, PrincipalDisable(principal="console"))
    with pytest.raises(ReplyError, match="last enabled admin"):
        await ask(admin, PrincipalDisable(principal="admin"))


async def test_a_process_starts_before_its_list_names_anyone(bare_house: House) -> None:
    service = Service(bare_house)
    service.principals.write_text("[]")
    async with service.running():
        assert await announced(service) == {}


async def _is_refused(asker: Asker) -> bool:
    try:
        await ask(asker, TemplateList())
    except ReplyError as error:
        return bool(error.code == "principal_disabled")
    return False


async def ask_nothing(service: Service, principal: str) -> None:
    """Make the reply topic of somebody who is not registered."""
    from grantkeeper.bus.topics import ensure_reply_topic

    await ensure_reply_topic(service.house.kafka, principal)
