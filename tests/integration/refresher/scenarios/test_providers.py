"""Scenarios 5, 6, 7, 9, 13 and 14: what providers and proxies answer when something is wrong, and what is odd."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from devstack.provider.records import fingerprint
from services.refresher.domain.record import Record
from services.refresher.scheduler import AHEAD
from services.refresher.settings import AttemptSettings
from tests.integration.refresher.scenarios.field import GET, all_renewed, becomes, order, planted, time_passes
from tests.integration.refresher.service import CLIENT_ID, Service, ask
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread


CLAIMED_AHEAD = AHEAD * AttemptSettings().max_per_client


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_scenario_05_an_ended_client_secret_of_1000_tokens_is_one_notice_and_no_loss(
    service: Service, provider: "ProviderThread"
) -> None:
    names = [f"box {number}" for number in range(1000)]
    ids = await planted(service, provider, names, realm="microsoft")
    order(provider, named="microsoft:7000222", client_id=CLIENT_ID)
    async with service.running(), service.house.asker("admin") as admin:
        await wait_until(lambda: service.reported("client_fault"), 60)
        page = await ask(admin, "grantkeeper.token.list.v1", {"states": ["client_fault"]})
        assert page["total"] == 1000
        for _ in range(12):  # three hours in quarters
            asked = len(provider.control.journal())
            await time_passes(service, timedelta(minutes=15))
            await _asked_again(provider, asked)
        (told,) = await service.reported("client_fault")
        assert (told.count, told.cure_id) == (1000, "entra-secret-ended")
        assert len(provider.control.journal()) <= CLAIMED_AHEAD + 2 * 12  # what was claimed at first, then probes

        provider.control.clear()
        provider.control.replace_secrets(CLIENT_ID, "a-new-secret")
        await _replace_secret(service, ids, names, "a-new-secret")
        await all_renewed(service, ids, deadline=240)
    assert len(await service.reported("client_fault")) == 1
    assert [one.ok for one in await service.client_events()] == [False, True]
    assert await service.reported("expired_refresh_token") == []


async def _asked_again(provider: "ProviderThread", before: int) -> None:
    await wait_until(lambda: len(provider.control.journal()) > before, 30)


async def _replace_secret(service: Service, ids: Sequence[str], names: Sequence[str], secret: str) -> None:
    config = service.config(realm="microsoft")
    sealed = service.seal(config, secret)
    await service.tell(
        *(
            service.changed(config.model_copy(update={"name": name, "client_secret": sealed}), config_id, 2)
            for config_id, name in zip(ids, names, strict=True)
        )
    )


@pytest.mark.parametrize("form", [{"retry_after": "120"}, {"retry_after_date": 120}], ids=["seconds", "date"])
async def test_scenario_06_nothing_is_sent_before_the_120_s_of_a_retry_after(
    service: Service, provider: "ProviderThread", form: dict[str, str]
) -> None:
    order(provider, status=429, next=1, **form)
    (config_id,) = await planted(service, provider)
    async with service.running():
        record = await becomes(service, config_id, _failed)
        assert record.due is not None
        waits = record.due - service.store.time.now()
        assert timedelta(seconds=110) < waits <= timedelta(seconds=121)
        await time_passes(service, waits - timedelta(seconds=4))
        await becomes(service, config_id, lambda record: _has_come(service, record, timedelta(seconds=3)))
        assert len(provider.control.journal()) == 1
        await all_renewed(service, [config_id])
    assert len(provider.control.journal()) == 2


def _failed(record: Record) -> bool:
    return record.failures > 0 and record.lease is None


def _has_come(service: Service, record: Record, before: timedelta) -> bool:
    """Whether the due time is near: the clock goes on while this is asked."""
    return record.due is not None and record.due - before <= service.store.time.now()


@pytest.mark.long
async def test_scenario_07_ten_minutes_of_503_around_expiry_are_survived(
    service: Service, provider: "ProviderThread"
) -> None:
    """A minute at a time: what is stored moves into the past, and everything that came due is tried."""
    names = [f"box {number}" for number in range(30)]
    ids = await planted(service, provider, names, age=timedelta(minutes=55))
    order(provider, status=503)
    async with service.running():
        for _ in range(10):
            asked = len(provider.control.journal())
            await time_passes(service, timedelta(minutes=1))
            await _asked_again(provider, asked)
        provider.control.clear()
        back = service.store.time.now()
        await time_passes(service, timedelta(minutes=5))
        await all_renewed(service, ids)
        late = sorted([(await service.record(one)).grant.obtained_at or back for one in ids])
        lateness = [moment - back + timedelta(minutes=5) for moment in late]
        print(f"renewed after the provider was back: median {lateness[15]}, p99 {lateness[-1]}")
        assert lateness[-1] <= timedelta(minutes=6)
    assert {(await service.record(one)).state for one in ids} == {"active"}
    assert await service.reported("expired_refresh_token") == []


@pytest.mark.parametrize("kind", ["bearer", "Bearer", "BEARER"])
async def test_scenario_09_a_bearer_in_small_letters_and_a_lifetime_in_quotes_are_fine(
    service: Service, provider: "ProviderThread", kind: str
) -> None:
    order(provider, change={"token_type": kind, "expires_in": "3599"})
    (config_id,) = await planted(service, provider)
    async with service.running(), service.house.asker("mail") as mail:
        answer = await ask(mail, GET, {"config": "Support"})
        record = await becomes(service, config_id, lambda record: record.lease is None)
    assert (answer["generation"], record.state) == (2, "active")
    assert record.grant.obtained_at is not None
    assert record.grant.expires_at == record.grant.obtained_at + timedelta(seconds=3599)
    (entry,) = provider.control.journal()
    assert record.grant.refresh_token is not None
    kept = service.secrets.refresh_token(config_id, record.grant.refresh_token)
    assert entry.issued == fingerprint(kept.get_secret_value())


async def test_scenario_13_the_html_of_a_firewall_is_an_alarm_and_ends_nothing(
    service: Service, provider: "ProviderThread"
) -> None:
    order(provider, named="proxy:forbidden")
    (config_id,) = await planted(service, provider)
    async with service.running():
        record = await becomes(service, config_id, _failed)
        assert record.last_error is not None
        assert (record.state, record.last_error.meaning) == ("expired", "transient_alarm")
        assert record.last_error.cure_id == "check-waf"
        (told,) = await wait_until(lambda: service.reported("expired_token"))
        assert told.cure_id == "check-waf"
        provider.control.clear()
        await time_passes(service, timedelta(minutes=15))
        await all_renewed(service, [config_id])
    assert await service.reported("expired_refresh_token") == []


async def test_scenario_14_the_loop_alarm_of_microsoft_is_answered_by_a_minute_of_silence(
    service: Service, provider: "ProviderThread"
) -> None:
    order(provider, named="microsoft:50196", next=1)
    (config_id,) = await planted(service, provider, realm="microsoft")
    async with service.running():
        record = await becomes(service, config_id, _failed)
        assert record.due is not None
        assert record.due - service.store.time.now() > timedelta(seconds=50)
        assert record.last_error is not None
        assert record.last_error.at + timedelta(seconds=60) <= record.due
        assert (record.state, record.last_error.code) == ("expired", "AADSTS50196")
        assert record.grant.refresh_token is not None
        assert len(provider.control.journal()) == 1
        await time_passes(service, timedelta(minutes=15))
        await all_renewed(service, [config_id])
    assert len(provider.control.journal()) == 2
