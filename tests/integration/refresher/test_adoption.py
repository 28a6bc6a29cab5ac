"""Taking over refresh tokens that another program held."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from devstack.provider.faults import Fault
from grantkeeper_client import Asker, ReplyError, seal_to_installation
from services.refresher import sharing
from services.refresher.domain.grant import settled
from services.refresher.domain.record import Wish, adoption_of
from services.refresher.sharing_store import SharingStore
from tests.integration.refresher.service import CLIENT_ID, Service, ask
from tests.integration.refresher.test_device_login import generation
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread

ADOPT = "grantkeeper.grant.adopt.v1"
GET = "grantkeeper.token.get.v1"


def minted(provider: "ProviderThread", realm: str = "strict", login: str = "alice") -> str:
    """A refresh token as another program holds it."""
    return str(provider.control.mint(realm, [login], client_id=CLIENT_ID)[0]["refresh_token"])


def handed_in(service: Service, config_id: str, refresh_token: str, **more: Any) -> dict[str, Any]:
    jwk = service.house.vault.installation_public_jwk()
    sealed = seal_to_installation(jwk, refresh_token, use="refresh_token", bound={"config_id": config_id})
    return {"config": config_id, "refresh_token": sealed, **more}


async def refused(asker: Asker, data: dict[str, Any]) -> ReplyError:
    with pytest.raises(ReplyError) as caught:
        await ask(asker, ADOPT, data)
    return caught.value


async def untouched(service: Service, config_id: str) -> bool:
    record = await service.record(config_id)
    return record.grant.state == "none" and record.grant.refresh_token is None and not record.wishes


async def test_a_refresh_token_is_used_once_and_kept(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config_id = await refresher.configured(refresher.config())
    answer = await ask(admin, ADOPT, handed_in(refresher, config_id, minted(provider)))
    status = answer["status"]
    assert (status["state"], status["generation"], status["has_refresh_token"]) == ("active", 1, True)
    assert [entry.grant_type for entry in provider.control.journal()] == ["refresh_token"]
    assert (await ask(admin, GET, {"config": config_id}))["generation"] == 1
    events = await refresher.token_events(config_id)
    assert [(one.happened, one.actor) for one in events][-1] == ("authorized", "admin")


async def test_a_provider_that_keeps_its_refresh_tokens_gives_no_other(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config_id = await refresher.configured(refresher.config(realm="google"))
    token = minted(provider, "google")
    answer = await ask(admin, ADOPT, handed_in(refresher, config_id, token))
    assert answer["status"]["has_refresh_token"]
    record = await refresher.record(config_id)
    assert record.grant.refresh_token is not None
    assert refresher.secrets.refresh_token(config_id, record.grant.refresh_token).get_secret_value() == token


async def test_what_does_not_refresh_leaves_nothing(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config_id = await refresher.configured(refresher.config())
    error = await refused(admin, handed_in(refresher, config_id, "no-refresh-token-of-this-provider"))
    assert error.code == "authorization_failed"
    assert "invalid_grant" in error.message
    assert await untouched(refresher, config_id)
    status = await refresher.status(admin, config_id)
    assert (status["state"], status.get("last_error")) == ("not_authorized", None)
    assert (await ask(admin, ADOPT, handed_in(refresher, config_id, minted(provider))))["status"]["generation"] == 1


async def test_two_configs_never_hold_one_refresh_token(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    first = await refresher.configured(refresher.config("First", "google"))
    second = await refresher.configured(refresher.config("Second", "google"))
    token = minted(provider, "google")
    await ask(admin, ADOPT, handed_in(refresher, first, token))
    error = await refused(admin, handed_in(refresher, second, token))
    assert (error.code, first in error.message) == ("authorization_failed", True)
    assert await untouched(refresher, second)
    assert len(provider.control.journal()) == 1, "it was not even sent"


async def test_two_configs_that_came_to_hold_one_refresh_token_are_told(
    service: Service, provider: "ProviderThread"
) -> None:
    """As where two logins were given the same one at the same moment, before this process started."""
    (minted,) = provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)
    ids = {await service.insert(service.config(name)) for name in ("One", "Two")}
    for config_id in ids:
        await service.plant(config_id, minted)
    async with service.running():
        await wait_until(lambda: told_to_share(service, ids))
    store = SharingStore(service.database)
    assert await store.news() == {}
    await service.store.collection.update_one({"_id": min(ids)}, {"$set": {"grant.fingerprint": "another"}})
    assert await store.news() == dict.fromkeys(ids)


async def test_a_refresh_token_that_another_config_was_given_too_is_told_soon(
    service: Service, provider: "ProviderThread", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look at all is over by then: this one is found among what was replaced."""
    monkeypatch.setattr(sharing, "LOOK_EVERY", 0.2)
    (minted,) = provider.control.mint("grace", ["amy"], client_id=CLIENT_ID)
    one, two = [await service.insert(service.config(name, "grace")) for name in ("One", "Two")]
    async with service.running():
        for config_id in (one, two):  # the second time the provider answers as it did the first time
            await service.plant(config_id, minted)
            await service.due_now(config_id)
            await generation(service, config_id, 2)
        await wait_until(lambda: told_to_share(service, {one, two}))


async def told_to_share(service: Service, ids: set[str]) -> bool:
    return {one.config_id for one in await service.reported("shared_refresh_token")} == ids


async def test_a_refresh_token_that_was_replaced_since_is_not_taken_over_again(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    first = await refresher.configured(refresher.config("First"))
    second = await refresher.configured(refresher.config("Second"))
    token = minted(provider)
    await ask(admin, ADOPT, handed_in(refresher, first, token))
    for held in (1, 2):  # replaced once, and once more: then nothing but the adoption itself tells
        error = await refused(admin, handed_in(refresher, second, token))
        assert (error.code, first in error.message) == ("authorization_failed", True)
        await refresher.due_now(first)
        await generation(refresher, first, held + 1)
    assert {entry.outcome for entry in provider.control.journal()} == {"ok"}, "the first login goes on"
    assert await untouched(refresher, second)


async def test_of_two_configs_that_wish_for_one_refresh_token_at_once_one_sends_it(
    service: Service, provider: "ProviderThread"
) -> None:
    token = minted(provider)
    ids = [await service.insert(service.config(name)) for name in ("First", "Second")]
    for config_id in reversed(ids):
        await wished(service, config_id, token)
    async with service.running():

        async def done() -> bool:
            return not any(record.wishes for record in (await service.store.read_many(ids)).values())

        await wait_until(done)
    states = [(await service.record(one)).grant.state for one in ids]
    assert sorted(states) == ["authorized", "none"]
    assert len(provider.control.journal()) == 1


async def wished(service: Service, config_id: str, token: str) -> None:
    """Store the wish to adopt, as if it had been asked for while others were."""
    secret = SecretStr(token)
    name = adoption_of(service.secrets.fingerprint(secret))
    wish = Wish(name, "adopt", "admin", code=service.secrets.keep_refresh_token(config_id, secret))
    record = await service.record(config_id)
    after = settled(replace(record, wishes=(wish,)), service.store.time.now())
    assert await service.store.write(record, after, ()) is not None


async def test_a_grant_gives_way_only_to_who_names_it(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config_id = await refresher.configured(refresher.config())
    await refresher.plant(config_id, provider.control.mint("strict", ["bob"], client_id=CLIENT_ID)[0])
    token = minted(provider)
    for named in ({}, {"generation": 7}):
        assert (await refused(admin, handed_in(refresher, config_id, token, **named))).code == "generation_conflict"
    assert provider.control.journal() == []
    answer = await ask(admin, ADOPT, handed_in(refresher, config_id, token, generation=1))
    assert (answer["status"]["generation"], answer["status"]["state"]) == (2, "active")


async def test_asking_again_after_the_answer_was_lost_spends_nothing(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config_id = await refresher.configured(refresher.config())
    data = handed_in(refresher, config_id, minted(provider))
    first = await ask(admin, ADOPT, data)
    assert await ask(admin, ADOPT, data) == first
    assert len(provider.control.journal()) == 1


async def test_a_refresh_token_goes_to_the_config_it_was_sealed_for(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    meant = await refresher.configured(refresher.config("Meant"))
    other = await refresher.configured(refresher.config("Other"))
    error = await refused(admin, {**handed_in(refresher, meant, minted(provider)), "config": other})
    assert error.code == "secret_unreadable"
    assert provider.control.journal() == []


async def test_a_refresh_token_does_not_follow_its_config_to_another_host(
    service: Service, provider: "ProviderThread"
) -> None:
    """Edited between the request and the attempt, which waits where the engine is stopped or the provider is slow."""
    config_id = await service.insert(service.config())
    record = await service.record(config_id)
    token = SecretStr(minted(provider))
    wish = Wish(
        id=adoption_of(service.secrets.fingerprint(token)),
        kind="adopt",
        actor="admin",
        code=service.secrets.keep_refresh_token(config_id, token),
        origin=replace(record.origin, host="before.example.test"),
    )
    wished = settled(replace(record, wishes=(wish,)), service.store.time.now())
    assert await service.store.write(record, wished, ()) is not None
    async with service.running():
        await wait_until(lambda: untouched(service, config_id))
    assert provider.control.journal() == []


async def test_what_is_no_refresh_token_is_said_before_anything_is_sent(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config_id = await refresher.configured(refresher.config())
    error = await refused(admin, handed_in(refresher, config_id, "two\nlines"))
    assert (error.code, provider.control.journal()) == ("invalid_field", [])


async def test_a_busy_provider_is_asked_again_with_the_same_refresh_token(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config_id = await refresher.configured(refresher.config())
    provider.control.fail(Fault(status=503, next=1))
    answer = await ask(admin, ADOPT, handed_in(refresher, config_id, minted(provider)))
    assert answer["status"]["generation"] == 1
    assert len(provider.control.journal()) == 2


async def test_the_secret_is_nowhere_but_encrypted(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config_id = await refresher.configured(refresher.config(realm="google"))
    token = minted(provider, "google")
    await ask(admin, ADOPT, handed_in(refresher, config_id, token))

    async def stored() -> str:
        documents = [one async for one in refresher.store.collection.find({"_id": config_id})]
        return json.dumps(documents, default=str)

    assert token not in await wait_until(stored)
    assert all(token.encode() not in (one.value or b"") for one in await refresher.house.read("token.requests"))
