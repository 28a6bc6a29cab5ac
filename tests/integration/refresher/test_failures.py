"""What providers do wrong, and what becomes of the grant."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from devstack.provider.faults import Fault
from grantkeeper_client import Asker, ReplyError
from schemas.expiry_events import ExpiryRecovered
from services.refresher.domain.record import Record
from tests.integration.refresher.service import CLIENT_ID, Service, ask
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread

GET = "grantkeeper.token.get.v1"
HOUR = timedelta(hours=1)


async def expired(service: Service, provider: "ProviderThread", name: str = "Support", **fields: Any) -> str:
    """A config whose access token has ended; its refresh has not begun."""
    realm = fields.pop("realm", "strict")
    config_id = await service.configured(service.config(name, realm, **fields))
    await service.plant(config_id, provider.control.mint(realm, [name], client_id=CLIENT_ID)[0], age=2 * HOUR)
    return config_id


def order(provider: "ProviderThread", **fault: Any) -> None:
    provider.control.fail(Fault.model_validate(fault))


async def test_a_provider_that_is_down_is_tried_again_until_it_is_back(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    order(provider, status=503, next=3)
    config_id = await expired(refresher, provider)
    answer = await ask(admin, GET, {"config": config_id}, deadline=timedelta(seconds=60))
    assert answer["generation"] == 2
    record = await refresher.record(config_id)
    assert (record.state, record.failures, record.last_error) == ("active", 0, None)
    outcomes = [entry.status for entry in provider.control.journal()]
    assert outcomes == [503, 503, 503, 200]


@pytest.mark.long
async def test_an_expired_token_that_cannot_be_renewed_is_reported_once_and_recovered(
    refresher: Service, provider: "ProviderThread"
) -> None:
    order(provider, status=503, next=3)
    config_id = await expired(refresher, provider)
    await refresher.becomes(config_id, "active", 60)

    async def recovered() -> bool:
        return any(isinstance(one, ExpiryRecovered) for one in await refresher.expiry_events())

    await wait_until(recovered)
    assert len(await refresher.reported("expired_token")) == 1


async def test_retry_after_is_obeyed_and_askers_are_told(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    order(provider, status=429, retry_after="600", next=1)
    config_id = await expired(refresher, provider)
    with pytest.raises(ReplyError) as refused:
        await ask(admin, GET, {"config": config_id}, deadline=timedelta(seconds=20))
    assert refused.value.retryable
    assert refused.value.retry_after is not None
    assert refused.value.retry_after > 500
    with pytest.raises(ReplyError, match="retry_later"):
        await ask(admin, GET, {"config": config_id}, deadline=timedelta(seconds=20))
    assert len(provider.control.journal()) == 1


async def test_a_client_that_was_asked_for_patience_sends_nothing_for_any_of_its_grants(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    order(provider, status=429, retry_after="600", next=1)
    first = await expired(refresher, provider, "first")
    assert await wait_until(lambda: failing(refresher, first))
    second = await expired(refresher, provider, "second")
    with pytest.raises(ReplyError, match="retry_later") as refused:
        await ask(admin, GET, {"config": second}, deadline=timedelta(seconds=20))
    assert refused.value.retry_after is not None
    assert refused.value.retry_after > 500
    assert len(provider.control.journal()) == 1


@pytest.mark.long
async def test_a_refresh_token_that_comes_without_access_token_is_not_lost(
    refresher: Service, provider: "ProviderThread"
) -> None:
    order(provider, drop=["access_token"], next=1)
    config_id = await expired(refresher, provider)
    record = await refresher.becomes(config_id, "active", 60)
    assert record.grant.generation == 3
    first, second = provider.control.journal()
    assert first.secret != second.secret


async def test_a_failed_refresh_does_not_withdraw_a_valid_access_token(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    order(provider, status=503)
    config_id = await refresher.configured(refresher.config())
    minted = provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)[0]
    await refresher.plant(config_id, minted, age=timedelta(minutes=57))
    await refresher.becomes(config_id, "retrying")
    assert (await ask(admin, GET, {"config": config_id}))["generation"] == 1


async def test_a_lost_answer_is_asked_for_once_more_where_the_provider_forgives(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    order(provider, delivery="lost", next=1)
    config_id = await expired(refresher, provider, realm="grace")
    answer = await ask(admin, GET, {"config": config_id}, deadline=timedelta(seconds=30))
    assert answer["generation"] == 2
    first, second = provider.control.journal()
    assert first.secret == second.secret


async def test_a_lost_answer_of_a_strict_provider_is_told_as_lost_rotation(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    order(provider, delivery="lost", next=1)
    config_id = await expired(refresher, provider)
    with pytest.raises(ReplyError, match="reauthorization_required"):
        await ask(admin, GET, {"config": config_id}, deadline=timedelta(seconds=30))
    assert len(provider.control.journal()) == 2
    assert len(await wait_until(lambda: refresher.reported("lost_rotation"))) == 1
    assert await refresher.reported("expired_refresh_token") == []  # one cause is told once, by its better name
    assert (await refresher.record(config_id)).grant.refresh_token is not None


async def test_a_revoked_grant_stops_at_the_first_refusal_and_keeps_its_refresh_token(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config_id = await refresher.configured(refresher.config())
    minted = provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)[0]
    provider.control.revoke("strict", login="amy")
    await refresher.plant(config_id, minted, age=2 * HOUR)
    record = await refresher.becomes(config_id, "reauthorization_required")
    assert record.grant.refresh_token is not None
    assert not record.grant.lost_rotation
    assert len(provider.control.journal()) == 1
    assert record.due is None


async def test_a_wrong_secret_pauses_the_client_with_one_notice_and_a_new_one_cures_it(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    logins = [f"user{number}" for number in range(12)]
    minted = provider.control.mint("strict", logins, client_id=CLIENT_ID)
    configs = [refresher.config(login) for login in logins]
    events = [refresher.changed(config) for config in configs]
    await refresher.tell(*events)
    await asyncio.gather(*(refresher.knows(event.config_id, 1) for event in events))
    provider.control.replace_secrets(CLIENT_ID, "a-new-secret-at-the-provider")
    for event, answer in zip(events, minted, strict=True):
        await refresher.plant(event.config_id, answer, age=2 * HOUR)

    assert await wait_until(lambda: refresher.reported("client_fault"))
    with pytest.raises(ReplyError, match="client_fault"):
        await ask(admin, GET, {"config": events[11].config_id})
    page = await ask(admin, "grantkeeper.token.list.v1", {"states": ["client_fault"]})
    assert (page["total"], page["states"]) == (12, {"client_fault": 12})
    assert len(await refresher.reported("client_fault")) == 1
    asked = len(provider.control.journal())
    assert asked <= 12

    config = configs[0].model_copy(update={"client_secret": refresher.seal(configs[0], "a-new-secret-at-the-provider")})
    cured = [
        refresher.changed(config.model_copy(update={"name": login}), event.config_id, 2)
        for login, event in zip(logins, events, strict=True)
    ]
    await refresher.tell(*cured)

    async def all_well() -> bool:
        page = await ask(admin, "grantkeeper.token.list.v1", {"states": ["active"]})
        return bool(page["total"] == 12)

    await wait_until(all_well, 40)
    told = await refresher.client_events()
    assert [one.ok for one in told] == [False, True]


async def test_a_secret_that_does_not_open_here_concerns_only_its_config(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config = refresher.config()
    foreign = config.model_copy(
        update={"client_secret": refresher.seal(config.model_copy(update={"client_id": "other"}), "secret")}
    )
    config_id = await refresher.configured(foreign)
    await refresher.plant(config_id, provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)[0], age=2 * HOUR)
    record = await refresher.becomes(config_id, "client_fault")
    assert record.last_error is not None
    assert record.last_error.code == "secret_unreadable"
    assert provider.control.journal() == []
    assert await refresher.client_events() == []


async def test_a_refresh_token_goes_to_no_other_host(refresher: Service, provider: "ProviderThread") -> None:
    config_id = await expired(refresher, provider)
    await refresher.becomes(config_id, "active")
    moved = refresher.config()
    port = refresher.base_url.rpartition(":")[2]
    elsewhere = f"http://localhost:{port}/strict/token"
    requests = {
        **moved.requests,
        "TokenByRefreshToken": moved.requests["TokenByRefreshToken"].model_copy(update={"url": elsewhere}),
    }
    before = len(provider.control.journal())
    await refresher.configured(moved.model_copy(update={"requests": requests}), config_id=config_id, sequence=2)
    await refresher.due_now(config_id)

    async def looked_at() -> Record | None:
        record = await refresher.record(config_id)
        return record if record.due is None or record.due > refresher.store.time.now() else None

    record = await wait_until(looked_at)
    assert record is not None
    assert record.state == "active"
    assert len(provider.control.journal()) == before


async def test_a_refresh_token_goes_only_to_the_host_that_granted_it(
    refresher: Service, provider: "ProviderThread"
) -> None:
    """The config may name the same host as before and yet lead elsewhere, by metadata that changed."""
    config_id = await refresher.configured(refresher.config())
    await refresher.plant(config_id, provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)[0])
    await refresher.store.collection.update_one({"_id": config_id}, {"$set": {"grant.token_host": "idp.example.org"}})
    await refresher.due_now(config_id)
    record = await wait_until(lambda: failing(refresher, config_id))
    assert record is not None
    assert record.last_error is not None
    assert "idp.example.org" in record.last_error.text
    assert provider.control.journal() == []


async def test_a_200_with_html_is_a_fault_of_the_provider(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    order(provider, status=200, body="<html>welcome to the proxy</html>", content_type="text/html", next=1)
    config_id = await expired(refresher, provider)
    await refresher.becomes(config_id, "expired")
    record = await wait_until(lambda: failing(refresher, config_id))
    assert record is not None
    assert record.last_error is not None
    assert record.last_error.code == "not_json"


async def failing(service: Service, config_id: str) -> Record | None:
    record = await service.record(config_id)
    return record if record.failures else None


@pytest.mark.long
async def test_a_provider_that_hangs_holds_up_nobody_else(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    order(provider, realm="strict", delay_before=12)
    hanging = [await expired(refresher, provider, f"hanging {number}") for number in range(3)]
    other = await expired(refresher, provider, "other", realm="microsoft")
    assert (await ask(admin, GET, {"config": other}))["generation"] == 2
    assert [(await refresher.record(one)).grant.generation for one in hanging] == [1, 1, 1]
    provider.control.clear()
