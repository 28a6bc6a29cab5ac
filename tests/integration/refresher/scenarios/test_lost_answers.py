"""Scenarios 1 to 4: the same refresh token in two hands, answers that come late or never, and a kill with one open."""

import asyncio
import signal
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devstack.provider.verdict import verdict
from tests.integration.refresher.scenarios.field import GET, all_renewed, becomes, order, planted, time_passes
from tests.integration.refresher.service import Service, ask
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread


async def test_scenario_01_two_workers_at_the_same_instant_make_one_post(
    service: Service, provider: "ProviderThread"
) -> None:
    """A strict provider ends the login whose refresh token comes twice."""
    provider.control.change_realm("strict", answer_after=0.5)
    names = [f"box {number}" for number in range(20)]
    ids = await planted(service, provider, names)
    async with (
        service.running(),
        service.running(),
        service.house.asker("admin") as admin,
        service.house.asker("mail") as mail,
    ):
        questions = [ask(asker, GET, {"config": name}) for asker in (admin, mail) for name in names]
        answers = await asyncio.gather(*questions)
        await all_renewed(service, ids)
    journal = provider.control.journal()
    assert [answer["generation"] for answer in answers] == [2] * 40
    assert len(journal) == 20
    assert len({entry.secret for entry in journal}) == 20
    assert [grant["revoked_at"] for grant in provider.control.grants()] == [None] * 20


@pytest.mark.long
async def test_scenario_02_a_slow_answer_is_cut_before_the_lease_ends_and_asked_for_once_more(
    service: Service, provider: "ProviderThread"
) -> None:
    order(provider, delay=60, next=1)
    (config_id,) = await planted(service, provider, realm="grace")
    async with service.running():
        await becomes(service, config_id, lambda record: record.grant.generation == 2)
    first, second = provider.control.journal()
    assert first.finished_at is not None
    assert 14 <= first.finished_at - first.received_at <= 19  # 15 s for the call, 20 s for the lease
    assert first.ending == "client_gone"
    assert first.secret == second.secret
    assert verdict([first, second]).overlapping == ()


@pytest.mark.long
async def test_scenario_02_a_frozen_worker_is_not_followed_before_its_lease_ends(
    service: Service, provider: "ProviderThread", tmp_path: Path
) -> None:
    order(provider, delay=60, next=1)
    (config_id,) = await planted(service, provider, realm="grace")
    frozen = service.process(tmp_path / "frozen.log")
    frozen.start()
    try:
        await wait_until(lambda: provider.control.journal(only_open=True), 40)
        frozen.signal(signal.SIGSTOP)
        async with service.running():
            await becomes(service, config_id, lambda record: record.grant.generation == 2, 60)
    finally:
        frozen.kill()
    first, second = provider.control.journal()
    assert second.received_at - first.received_at >= 19


@pytest.mark.parametrize("realm", ["microsoft", "grace"])
async def test_scenario_03_a_lost_answer_is_asked_for_again_where_the_provider_forgives(
    service: Service, provider: "ProviderThread", realm: str
) -> None:
    order(provider, delivery="lost", next=1)
    (config_id,) = await planted(service, provider, realm=realm)
    async with service.running():
        record = await becomes(service, config_id, lambda record: record.grant.generation == 2)
    first, second = provider.control.journal()
    assert (record.state, first.secret) == ("active", second.secret)
    assert second.received_at - first.received_at < 30  # the shortest grace seen in the field


async def test_scenario_03_a_lost_answer_of_a_strict_provider_is_one_clear_notice(
    service: Service, provider: "ProviderThread"
) -> None:
    order(provider, delivery="lost", next=1)
    (config_id,) = await planted(service, provider, age=timedelta(minutes=57))
    async with service.running():
        record = await becomes(service, config_id, lambda record: record.grant.lost_rotation)
        await wait_until(lambda: service.reported("lost_rotation"))
    assert len(provider.control.journal()) == 2
    assert record.grant.refresh_token is not None
    assert [type(event).__name__ for event in await service.expiry_events()].count("ExpiryReported") == 1
    (told,) = await service.reported("lost_rotation")
    assert told.cure


@pytest.mark.parametrize("realm", ["grace", "strict"])
async def test_scenario_04_a_kill_with_the_post_open_leaves_an_intent_that_the_next_one_finds(
    service: Service, provider: "ProviderThread", tmp_path: Path, realm: str, lease: timedelta
) -> None:
    order(provider, delay=60, next=1)
    (config_id,) = await planted(service, provider, realm=realm)
    killed = service.process(tmp_path / "killed.log")
    killed.start()
    try:
        await wait_until(lambda: provider.control.journal(only_open=True), 40)
    finally:
        killed.kill()
    await wait_until(lambda: not provider.control.journal(only_open=True))
    assert (await service.record(config_id)).lease is not None
    await time_passes(service, lease)
    over = "active" if realm == "grace" else "reauthorization_required"
    async with service.running():
        record = await becomes(service, config_id, lambda record: record.state == over)
        if realm == "strict":
            await wait_until(lambda: service.reported("lost_rotation"))
    assert len(provider.control.journal()) == 2
    assert record.grant.refresh_token is not None
    assert record.grant.lost_rotation is (realm == "strict")
