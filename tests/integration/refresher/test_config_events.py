"""Events of config_service, as they come: twice, reversed, at two refreshers, after a delete, to the purge."""

from typing import TYPE_CHECKING

import pytest

from grantkeeper_client import Asker, ReplyError
from schemas.config_events import ConfigPurged
from schemas.expiry_events import ConfigWentOff
from schemas.topics import TOKEN_EVENTS
from tests.integration.refresher.service import CLIENT_ID, Service, ask
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread

GET = "grantkeeper.token.get.v1"


async def test_events_that_come_twice_and_reversed_leave_the_newest_state(refresher: Service) -> None:
    events = [refresher.changed(refresher.config("one"))]
    config_id = events[0].config_id
    events += [refresher.changed(refresher.config(name), config_id, n) for n, name in ((2, "two"), (3, "three"))]
    for event in (events[2], events[0], events[1], events[2], events[0]):
        await refresher.tell(event)
    marker = await refresher.configured(refresher.config("marker"))
    record = await refresher.record(config_id)
    assert (record.config.name, record.revision) == ("three", 3)
    told = await wait_until(lambda: refresher.token_events(config_id))
    assert [event.status.name for event in told] == ["three"]
    assert marker


async def test_a_deleted_config_is_off_and_keeps_its_grant_for_an_undelete(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config_id = await refresher.configured(refresher.config())
    await refresher.plant(config_id, provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)[0])
    await refresher.configured(refresher.config(), config_id=config_id, sequence=2, deleted=True)
    with pytest.raises(ReplyError, match="deleted"):
        await ask(admin, GET, {"config": config_id})
    await refresher.configured(refresher.config(), config_id=config_id, sequence=3)
    assert (await ask(admin, GET, {"config": config_id}))["generation"] == 1


async def test_a_purge_revokes_at_the_provider_removes_the_grant_and_leaves_a_tombstone(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    options = {"revocation_endpoint": f"{refresher.base_url}/strict/revoke"}
    config_id = await refresher.configured(refresher.config(options=options))
    await refresher.plant(config_id, provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)[0])
    purge = ConfigPurged(config_id=config_id, revision=2, sequence=2)
    await refresher.tell(purge, purge)

    async def gone() -> bool:
        return await refresher.store.read(config_id) is None

    await wait_until(gone)
    assert [entry.outcome for entry in provider.control.journal(endpoint="revoke")] == ["ok"]
    last = [one for one in await refresher.house.read(TOKEN_EVENTS) if one.key == config_id.encode()][-1]
    assert last.value is None
    with pytest.raises(ReplyError, match="not_found"):
        await ask(admin, GET, {"config": config_id})


async def test_a_tombstone_alone_is_a_purge(refresher: Service, admin: Asker, provider: "ProviderThread") -> None:
    """Compaction may have removed the purge before it, for a refresher that was away for long."""
    options = {"revocation_endpoint": f"{refresher.base_url}/strict/revoke"}
    config_id = await refresher.configured(refresher.config(options=options), sequence=7)
    await refresher.plant(config_id, provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)[0])
    purge = ConfigPurged(config_id=config_id, revision=8, sequence=8)
    envelope = refresher.house.event(purge, "config_service", config_id, value=None)
    await refresher.house.send(envelope, partition=0)

    async def gone() -> bool:
        return await refresher.store.read(config_id) is None

    await wait_until(gone)
    assert [entry.outcome for entry in provider.control.journal(endpoint="revoke")] == ["ok"]
    last = [one for one in await refresher.house.read(TOKEN_EVENTS) if one.key == config_id.encode()][-1]
    assert last.value is None
    with pytest.raises(ReplyError, match="not_found"):
        await ask(admin, GET, {"config": config_id})


async def test_a_config_that_is_set_invalid_settles_its_notices(refresher: Service, provider: "ProviderThread") -> None:
    config_id = await refresher.configured(refresher.config())
    minted = provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)[0]
    provider.control.revoke("strict", login="amy")
    await refresher.plant(config_id, minted)
    await refresher.due_now(config_id)
    await refresher.becomes(config_id, "reauthorization_required")
    assert await wait_until(lambda: refresher.reported("expired_refresh_token"))
    await refresher.configured(refresher.config(validity="invalid"), config_id=config_id, sequence=2)

    async def settled() -> bool:
        return any(isinstance(one, ConfigWentOff) for one in await refresher.expiry_events())

    await wait_until(settled)


async def test_another_scope_goes_on_refreshing_with_the_granted_one(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    requests = {
        "TokenByRefreshToken": {
            "url": f"{refresher.base_url}/strict/token",
            "parameters": {"grant_type": "refresh_token"},
            "autofill": {"refresh_token": "RefreshToken", "scope": "Scope"},
        }
    }
    narrow = "mail.imap offline_access"
    config_id = await refresher.configured(refresher.config(requests=requests, scope=narrow))
    minted = provider.control.mint("strict", ["amy"], client_id=CLIENT_ID, scope=narrow)[0]
    await refresher.plant(config_id, minted)
    wider = refresher.config(requests=requests, scope=f"{narrow} mail.send")
    await refresher.configured(wider, config_id=config_id, sequence=2)
    answer = await ask(admin, "grantkeeper.token.refresh.v1", {"config": config_id, "generation": 1})
    assert (answer["status"]["generation"], answer["status"]["new_login_needed"]) == (2, True)
    assert [entry.scope for entry in provider.control.journal()] == [narrow]


async def test_two_refreshers_take_an_import_once(refresher: Service) -> None:
    events = [refresher.changed(refresher.config(f"config {number}")) for number in range(150)]
    async with refresher.running():
        await refresher.tell(*events, *events)
        for event in events:
            await refresher.knows(event.config_id, 1)

    async def all_told() -> bool:
        keys = [one.key for one in await refresher.house.read(TOKEN_EVENTS)]
        return {event.config_id.encode() for event in events} <= set(keys)

    await wait_until(all_told)
    assert await refresher.store.collection.count_documents({}) == 150
