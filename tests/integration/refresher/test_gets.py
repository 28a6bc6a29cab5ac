"""Requests for access tokens, from a hit to a hundred expired tokens at two refreshers."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from devstack.provider.faults import Fault
from grantkeeper_client import Asker, Grantkeeper, ReplyError
from tests.integration.refresher.service import CLIENT_ID, Service, ask
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread

GET = "grantkeeper.token.get.v1"
HOUR = timedelta(hours=1)


async def test_a_usable_access_token_is_handed_out_without_any_call(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config_id = await refresher.configured(refresher.config())
    minted = provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)[0]
    await refresher.plant(config_id, minted)
    async with Grantkeeper(admin._credential) as client:
        token = await client.get_access_token("Support")
    assert token.value == minted["access_token"]
    assert token.generation == 1
    assert provider.control.journal() == []


async def test_an_expired_access_token_is_renewed_by_exactly_one_call_for_eight_askers_at_two_refreshers(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    """Four ask before the call, four while it is under way."""
    provider.control.fail(Fault(delay=1.5))
    config_id = await refresher.configured(refresher.config())
    minted = provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)[0]
    async with refresher.running():
        await refresher.plant(config_id, minted, age=2 * HOUR)
        first = [asyncio.create_task(ask(admin, GET, {"config": config_id})) for _ in range(4)]
        await wait_until(lambda: provider.control.journal(only_open=True))
        second = [asyncio.create_task(ask(admin, GET, {"config": config_id})) for _ in range(4)]
        answers = await asyncio.gather(*first, *second)
    assert len(provider.control.journal()) == 1
    assert {answer["generation"] for answer in answers} == {2}
    assert (await refresher.record(config_id)).state == "active"


async def test_a_hundred_expired_access_tokens_are_renewed_by_one_call_each(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    """Each is asked for eight times, before and during its call."""
    provider.control.fail(Fault(delay=0.5))
    logins = [f"user{number}" for number in range(100)]
    minted = provider.control.mint("strict", logins, client_id=CLIENT_ID)
    events = [refresher.changed(refresher.config(login)) for login in logins]
    await refresher.tell(*events)
    await asyncio.gather(*(refresher.knows(event.config_id, 1) for event in events))
    asked: list[asyncio.Task[Any]] = []

    def wave() -> None:
        for event in events:
            question = ask(admin, GET, {"config": event.config_id}, deadline=timedelta(seconds=60))
            asked.append(asyncio.create_task(question))

    async def called(times: int) -> None:
        await wait_until(lambda: len(provider.control.journal()) > times)

    async with refresher.running():
        for event, answer in zip(events, minted, strict=True):
            await refresher.plant(event.config_id, answer, age=2 * HOUR)
        for number in range(8):
            wave()
            await called(10 * number)
        answers = await asyncio.gather(*asked)
    assert len(provider.control.journal()) == 100
    assert {answer["generation"] for answer in answers} == {2}


async def test_a_config_without_a_grant_says_so(refresher: Service, admin: Asker) -> None:
    await refresher.configured(refresher.config())
    with pytest.raises(ReplyError, match="not_authorized"):
        await ask(admin, GET, {"config": "Support"})


async def test_an_unknown_name_is_not_found(refresher: Service, admin: Asker) -> None:
    with pytest.raises(ReplyError, match="not_found"):
        await ask(admin, GET, {"config": "Nobody"})


async def test_a_former_name_resolves_and_the_answer_says_so(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config_id = await refresher.configured(refresher.config("New name"), former_names=("Old name",))
    await refresher.plant(config_id, provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)[0])
    answer = await ask(admin, GET, {"config": "Old  name"})
    assert (answer["name"], answer["renamed"]) == ("New name", True)


async def test_a_principal_with_a_list_of_configs_gets_only_those(
    refresher: Service, provider: "ProviderThread"
) -> None:
    mine = await refresher.configured(refresher.config("Mine"))
    other = await refresher.configured(refresher.config("Other"))
    await refresher.register("limited", "mail", configs=[mine])
    minted = provider.control.mint("strict", ["amy", "bob"], client_id=CLIENT_ID)
    for config_id, answer in zip((mine, other), minted, strict=True):
        await refresher.plant(config_id, answer)
    async with refresher.house.asker("limited") as limited:

        async def only_mine() -> bool:
            try:
                await ask(limited, GET, {"config": other})
            except ReplyError as error:
                return error.code == "not_permitted"
            return False

        await wait_until(only_mine)
        assert (await ask(limited, GET, {"config": mine}))["config_id"] == mine


async def test_a_proactive_refresh_needs_no_asker(refresher: Service, admin: Asker, provider: "ProviderThread") -> None:
    config_id = await refresher.configured(refresher.config())
    await refresher.plant(
        config_id, provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)[0], age=timedelta(minutes=58)
    )
    await wait_until(lambda: len(provider.control.journal()) == 1)

    async def renewed() -> bool:
        return (await refresher.record(config_id)).grant.generation == 2

    await wait_until(renewed)
    events = await refresher.token_events(config_id)
    assert events[-1].happened == "refreshed"
