"""Logins on another device: fetched, shown, asked for by the refresher itself, stored like every other login."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from devstack.provider.faults import Fault
from grantkeeper_client import Asker, ReplyError
from tests.integration.refresher.service import Service, ask
from tests.integration.refresher.test_clients import client, fleet, with_secret
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread

DEVICE = "grantkeeper.authorization.device.v1"
GET = "grantkeeper.token.get.v1"
REALM = "strict"


def with_device(service: Service, **fields: Any) -> Any:
    options = {"device_authorization_endpoint": f"{service.base_url}/{REALM}/device_authorization"}
    return service.config(options={**options, **fields.pop("options", {})}, **fields)


def quick(provider: "ProviderThread") -> None:
    provider.control.change_realm(REALM, device_interval=1)


def enter(started: dict[str, Any], *, decision: str = "allow", login: str = "alice@example.test") -> None:
    """A person at the address, on whatever device."""
    form = {"user_code": started["user_code"], "login": login, "password": "any", "decision": decision}
    session = requests.Session()
    session.trust_env = False
    assert session.post(started["verification_uri"], form, timeout=10).ok


async def begin(admin: Asker, config_id: str) -> dict[str, Any]:
    return dict(await ask(admin, DEVICE, {"config": config_id}))


async def generation(service: Service, config_id: str, wanted: int) -> None:
    async def reached() -> bool:
        return (await service.record(config_id)).grant.generation >= wanted

    await wait_until(reached)


async def over(service: Service, config_id: str) -> None:
    async def ended() -> bool:
        return (await service.record(config_id)).device is None

    await wait_until(ended)


async def test_a_code_that_is_entered_becomes_a_grant(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    quick(provider)
    config_id = await refresher.configured(with_device(refresher))
    started = await begin(admin, config_id)
    assert started["verification_uri"] == f"{refresher.base_url}/{REALM}/device"
    assert started["verification_uri_complete"].endswith(started["user_code"])
    status = await refresher.status(admin, config_id)
    assert (status["state"], status["authorizing_until"]) == ("authorizing", started["expires_at"])
    enter(started)
    await refresher.becomes(config_id, "active")
    status = await refresher.status(admin, config_id)
    assert (status["account"], status["generation"], status.get("authorizing_until")) == (
        "alice@example.test",
        1,
        None,
    )
    assert status["has_refresh_token"]
    assert (await ask(admin, GET, {"config": config_id}))["generation"] == 1
    happened = [(one.happened, one.actor) for one in await refresher.token_events(config_id)]
    assert happened[-2:] == [("authorization_started", "admin"), ("authorized", "admin")]
    record = await refresher.record(config_id)
    assert record.device is None, "nobody asks any more"


async def test_a_denied_code_is_told_and_leaves_the_old_grant(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    quick(provider)
    config_id = await refresher.configured(with_device(refresher))
    first = await begin(admin, config_id)
    enter(first)
    await refresher.becomes(config_id, "active")
    enter(await begin(admin, config_id), decision="deny")
    await over(refresher, config_id)
    status = await refresher.status(admin, config_id)
    assert (status["state"], status["generation"], status["last_error"]["code"]) == ("active", 1, "access_denied")


async def test_a_code_that_nobody_enters_ends(refresher: Service, admin: Asker, provider: "ProviderThread") -> None:
    provider.control.change_realm(REALM, device_interval=1, device_code_life=2)
    config_id = await refresher.configured(with_device(refresher))
    await begin(admin, config_id)
    await over(refresher, config_id)
    status = await refresher.status(admin, config_id)
    assert status["state"] == "not_authorized"
    assert (status["last_error"]["code"], status["last_error"]["cure_id"]) == ("expired_token", "new-device-code")


async def test_a_login_outlives_the_refresher_that_began_it(service: Service, provider: "ProviderThread") -> None:
    quick(provider)
    async with service.running(), service.house.asker("admin") as admin:
        config_id = await service.configured(with_device(service))
        started = await begin(admin, config_id)
    enter(started)
    async with service.running():
        await generation(service, config_id, 1)


@pytest.mark.long
async def test_many_refreshers_ask_as_often_as_one(service: Service, provider: "ProviderThread") -> None:
    quick(provider)
    async with service.running(), service.running(), service.house.asker("admin") as admin:
        config_id = await service.configured(with_device(service))
        started = await begin(admin, config_id)

        async def asked_often() -> bool:
            return len(provider.control.journal(endpoint="token")) >= 3

        await wait_until(asked_often)
        enter(started)
        await generation(service, config_id, 1)
    outcomes = [one.outcome for one in provider.control.journal(endpoint="token")]
    assert "slow_down" not in outcomes
    assert outcomes.count("ok") == 1


async def test_who_asks_too_soon_asks_less_often(refresher: Service, admin: Asker, provider: "ProviderThread") -> None:
    quick(provider)
    config_id = await refresher.configured(with_device(refresher))
    provider.control.fail(Fault(status=400, body='{"error": "slow_down"}', next=1))
    await begin(admin, config_id)

    async def slower() -> bool:
        device = (await refresher.record(config_id)).device
        return device is not None and device.interval == 6

    await wait_until(slower)


async def test_the_same_question_gets_the_same_code(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config_id = await refresher.configured(with_device(refresher))
    again = {"message_id": "01a20d6d-b191-7673-ae00-293dfa3b210e"}
    first = await ask(admin, DEVICE, {"config": config_id}, **again)
    assert await ask(admin, DEVICE, {"config": config_id}, **again) == first
    assert len(provider.control.journal(endpoint="device_authorization")) == 1


async def test_what_the_provider_refuses_is_said_at_once(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config_id = await refresher.configured(with_device(refresher))
    provider.control.fail(
        Fault(endpoint="device_authorization", status=400, body='{"error": "unauthorized_client"}', next=1)
    )
    with pytest.raises(ReplyError, match="unauthorized_client") as caught:
        await begin(admin, config_id)
    assert caught.value.code == "authorization_failed"
    assert (await refresher.status(admin, config_id))["state"] == "not_authorized"


async def test_a_client_secret_goes_to_no_other_host_though_the_rest_comes_by_discovery(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    elsewhere = refresher.base_url.replace("127.0.0.1", "localhost") + f"/{REALM}/device_authorization"
    options = {
        "issuer": f"{refresher.base_url}/{REALM}",
        "discovery": True,
        "device_authorization_endpoint": elsewhere,
    }
    config_id = await refresher.configured(with_device(refresher, requests={}, options=options))
    with pytest.raises(ReplyError, match="sealed for"):
        await begin(admin, config_id)
    assert provider.control.journal(endpoint="device_authorization") == []


async def test_a_config_without_an_address_for_it_is_told_what_is_missing(refresher: Service, admin: Asker) -> None:
    config_id = await refresher.configured(refresher.config())
    with pytest.raises(ReplyError, match="DeviceAuthorizationEndpoint"):
        await begin(admin, config_id)


async def test_a_config_that_is_off_begins_no_login_and_ends_one_that_is_in_progress(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    quick(provider)
    config_id = await refresher.configured(with_device(refresher))
    await begin(admin, config_id)
    await refresher.configured(with_device(refresher, validity="invalid"), config_id=config_id, sequence=2)
    await over(refresher, config_id)
    status = await refresher.status(admin, config_id)
    assert (status["state"], status["last_error"]["code"]) == ("off", "config_off")
    with pytest.raises(ReplyError, match="set it valid first") as caught:
        await begin(admin, config_id)
    assert caught.value.code == "off"


async def test_a_mistyped_secret_stops_no_login_by_code_and_nobody_else(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    quick(provider)
    (good,) = await fleet(refresher, provider, ["good"])
    await refresher.becomes(good, "active")
    config = with_secret(refresher, with_device(refresher, name="wrong"), "mistyped")
    wrong = await refresher.configured(config)
    started = await begin(admin, wrong)
    assert await refresher.client_events() == []
    await waits(refresher, wrong, 2)
    enter(started)
    await refresher.becomes(wrong, "active")
    assert await wait_until(lambda: refresher.reported("client_secret_refused"))
    assert await refresher.client_events() == [], "it was never paused"
    known = await client(refresher, config)
    assert (len(known.secrets), known.suspects) == (1, ())


async def waits(service: Service, config_id: str, polls: int) -> None:
    """Wait until the provider was asked so often in vain."""
    first = (await service.record(config_id)).device
    assert first is not None

    async def asked() -> bool:
        device = (await service.record(config_id)).device
        return device is not None and device.poll_at >= first.poll_at + polls * timedelta(seconds=first.interval)

    await wait_until(asked)


async def test_a_grant_is_refreshed_while_a_login_is_in_progress(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    quick(provider)
    config_id = await refresher.configured(with_device(refresher))
    enter(await begin(admin, config_id))
    await generation(refresher, config_id, 1)
    await begin(admin, config_id)
    await refresher.due_now(config_id)
    await generation(refresher, config_id, 2)
    assert (await refresher.record(config_id)).device is not None
