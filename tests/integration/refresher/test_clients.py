"""Clients on real servers: their secrets, their faults and cures, their breakers, and their shares of a process."""

import asyncio
import functools
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devstack.provider.faults import Fault
from grantkeeper.oauth2.answer import HttpAnswer
from grantkeeper.oauth2.http import HttpDoor
from grantkeeper.process.clock import SYSTEM_CLOCK
from grantkeeper_client import Asker
from schemas.expiry_events import ExpiryRecovered
from schemas.token_config import TokenConfig
from schemas.topics import TOKEN_EVENTS
from services.refresher.client_store import Client, ClientStore
from services.refresher.client_store import Fault as ClientFault
from services.refresher.clients import PROBE_EVERY
from services.refresher.discovery import Discovery
from services.refresher.domain.client import client_of
from services.refresher.domain.client_secrets import ClientSecret
from services.refresher.due_store import DueStore
from tests.integration.refresher.service import CLIENT_ID, CLIENT_SECRET, Service, ask
from tests.integration.refresher.test_crashes import killed_at
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread

GET = "grantkeeper.token.get.v1"
REVOKE = "grantkeeper.token.revoke.v1"
HOUR = timedelta(hours=1)
OLD = 2 * HOUR


async def fleet(service: Service, provider: "ProviderThread", names: list[str], realm: str = "strict") -> list[str]:
    """Configs of one client, each with a grant whose access token has ended; their refreshes have not begun."""
    minted = provider.control.mint(realm, names, client_id=CLIENT_ID)
    ids = [await service.insert(service.config(name, realm)) for name in names]
    for config_id, answer in zip(ids, minted, strict=True):
        await service.plant(config_id, answer, age=OLD)
    return ids


async def client(service: Service, config: TokenConfig) -> Client:
    found = await ClientStore(service.database).read(client_of(config).hash)
    assert found is not None
    return found


def with_secret(service: Service, config: TokenConfig, secret: str) -> TokenConfig:
    return config.model_copy(update={"client_secret": service.seal(config, secret)})


async def all_active(service: Service, ids: list[str], deadline: float = 40.0) -> None:
    async def active() -> bool:
        records = await service.store.read_many(ids)
        return all(record.state == "active" for record in records.values())

    await wait_until(active, deadline)


async def test_a_mistyped_secret_is_told_and_stops_nobody(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    good, wrong = await fleet(refresher, provider, ["good", "wrong"])
    await all_active(refresher, [good, wrong])
    config = with_secret(refresher, refresher.config("wrong"), "mistyped")
    await refresher.configured(config, config_id=wrong, sequence=2)
    await refresher.due_now(good)
    told = await wait_until(lambda: refresher.reported("client_secret_refused"))
    assert [one.name for one in told] == [CLIENT_ID]
    await all_active(refresher, [good, wrong])
    assert len((await client(refresher, config)).secrets) == 1
    asked = [entry.status for entry in provider.control.journal()]
    assert asked == [200, 200, 401, 200]

    right = with_secret(refresher, config, CLIENT_SECRET)
    await refresher.configured(right, config_id=wrong, sequence=3)
    assert await refresher.client_events() == []


async def test_a_second_secret_is_proven_by_its_first_success_and_settles_the_refusal(
    refresher: Service, provider: "ProviderThread"
) -> None:
    (config_id,) = await fleet(refresher, provider, ["amy"])
    await all_active(refresher, [config_id])
    config = refresher.config("amy")
    for sequence, secret in ((2, "mistyped"), (3, "the-next-secret")):
        await refresher.configured(with_secret(refresher, config, secret), config_id=config_id, sequence=sequence)
        if secret != "mistyped":
            provider.control.replace_secrets(CLIENT_ID, secret)
        await refresher.due_now(config_id)
        await wait_until(lambda: refresher.reported("client_secret_refused"))

    async def recovered() -> bool:
        found = [one for one in await refresher.expiry_events() if isinstance(one, ExpiryRecovered)]
        return any(cause.endswith("client_secret_refused") for one in found for cause in one.causes)

    await wait_until(recovered)
    newest = (await client(refresher, config)).secrets[0]
    assert newest.proven
    assert newest.config_id == config_id


async def test_a_proven_secret_that_has_ended_is_tried_first_only_once_more(
    refresher: Service, provider: "ProviderThread"
) -> None:
    (config_id,) = await fleet(refresher, provider, ["amy"])
    config = with_secret(refresher, refresher.config("amy"), "the-next-secret")

    async def leads(generation: int, *, newest: bool) -> bool:
        """Tell whether a refresh is written, and what it has shown of the client's secrets."""
        known = (await client(refresher, config)).secrets
        is_first = bool(known) and known[0].proven and (known[0].at == max(one.at for one in known)) == newest
        return is_first and (await refresher.record(config_id)).grant.generation == generation

    await wait_until(lambda: leads(2, newest=True))
    await refresher.configured(config, config_id=config_id, sequence=2)
    for generation, secret in ((3, "the-next-secret"), (4, CLIENT_SECRET), (5, CLIENT_SECRET)):
        provider.control.replace_secrets(CLIENT_ID, secret)
        await refresher.due_now(config_id)
        is_newest = secret == "the-next-secret"
        await wait_until(functools.partial(leads, generation, newest=is_newest))
    assert [one.status for one in provider.control.journal()] == [200, 200, 401, 200, 200]


async def test_a_revocation_falls_back_to_the_secret_that_has_worked(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config = refresher.config(options={"revocation_endpoint": f"{refresher.base_url}/strict/revoke"})
    config_id = await refresher.configured(config)
    await refresher.plant(config_id, provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)[0], age=OLD)

    async def proven() -> bool:
        return any(one.proven for one in (await client(refresher, config)).secrets)

    await wait_until(proven)
    await refresher.configured(with_secret(refresher, config, "mistyped"), config_id=config_id, sequence=2)
    revoked = await ask(admin, REVOKE, {"config": config_id, "generation": 2})
    assert (revoked["at_provider"], revoked["status"]["state"]) == ("revoked", "revoked")
    assert [one.status for one in provider.control.journal(endpoint="revoke")] == [401, 200]


async def test_a_new_secret_in_one_config_brings_back_all_of_a_paused_client_one_first(
    service: Service, provider: "ProviderThread"
) -> None:
    names = [f"user{number}" for number in range(20)]
    ids = await fleet(service, provider, names)
    provider.control.replace_secrets(CLIENT_ID, "a-new-secret")
    async with service.running():
        assert await wait_until(lambda: service.reported("client_fault"))
        asked = len(provider.control.journal())
        config = with_secret(service, service.config(names[7]), "a-new-secret")
        await service.configured(config, config_id=ids[7], sequence=2)
        await all_active(service, ids)
        first, *_ = provider.control.journal()[asked:]
        assert first.status == 200
        assert [one.ok for one in await service.client_events()] == [False, True]
        assert len(await service.reported("client_fault")) == 1


async def test_a_secret_is_not_forgotten_by_a_crash_before_its_config_is_stored(
    service: Service, provider: "ProviderThread", tmp_path: Path
) -> None:
    ids = await fleet(service, provider, ["first", "second"])
    provider.control.replace_secrets(CLIENT_ID, "a-new-secret")
    async with service.running():
        assert await wait_until(lambda: service.reported("client_fault"))
    config = with_secret(service, service.config("first"), "a-new-secret")
    await service.tell(service.changed(config, ids[0], 2))
    await killed_at(service, "refresher.secret_offered", tmp_path / "refresher.log")
    assert (await service.record(ids[0])).revision == 1
    async with service.running():
        await all_active(service, ids)
    assert (await service.record(ids[0])).revision == 2


async def test_a_provider_that_is_away_is_left_alone_and_comes_back_step_by_step(
    service: Service, provider: "ProviderThread"
) -> None:
    provider.control.fail(Fault.model_validate({"status": 503}))
    ids = await fleet(service, provider, [f"user{number}" for number in range(40)])
    async with service.running(attempts={"max_per_client": 5}):

        async def opened() -> bool:
            return (await client(service, service.config())).openings > 1

        await wait_until(opened)
        asked = len(provider.control.journal())
        assert asked < 20
        provider.control.clear()
        await all_active(service, ids, 60)
        known = await client(service, service.config())
        assert (known.openings, known.fault) == (0, None)
        assert [(one.ok, one.left_alone) for one in await service.client_events()] == [(True, True), (True, False)]


@pytest.mark.parametrize("pause", ["breaker", "fault", "held"])
@pytest.mark.parametrize("state", ["active", "expired"])
async def test_an_access_token_that_ends_before_or_while_its_client_is_paused_is_written_and_told_once_untried(
    service: Service, provider: "ProviderThread", pause: str, state: str
) -> None:
    ids = await fleet(service, provider, ["one", "two"])
    await service.store.collection.update_many({}, {"$set": {"state": state}})  # as stored before the pause
    tomorrow = SYSTEM_CLOCK.now() + timedelta(days=1)
    fault = {"meaning": "client_fault", "code": "invalid_client", "text": "", "cure_id": "", "cure": ""}
    fields: dict[str, dict[str, Any]] = {
        "breaker": {"openings": 1, "probe_at": tomorrow},
        "fault": {"fault": {**fault, "since": tomorrow}, "probe_at": tomorrow},
        "held": {"held_until": tomorrow},
    }
    await service.database.clients.update_many({}, {"$set": fields[pause]})
    async with service.running():
        records = [await service.becomes(config_id, "expired") for config_id in ids]
        assert [record.failures for record in records] == [0, 0]

        async def told() -> bool:
            written = state == "expired" or all([await service.token_events(one) for one in ids])
            return written and (pause == "fault" or len(await service.reported("expired_token")) > 1)

        await wait_until(told)
        reported = await service.reported("expired_token")
    assert sorted(one.config_id or "" for one in reported) == ([] if pause == "fault" else sorted(ids))
    assert provider.control.journal() == []


async def test_a_client_that_is_refused_when_its_provider_is_back_is_told_at_once(
    service: Service, provider: "ProviderThread"
) -> None:
    """The grant that is tried then is one witness: the next one must not wait as after a fault that was told."""
    await fleet(service, provider, ["one", "two", "three"])
    await ClientStore(service.database).open_breaker(client_of(service.config()).hash, 0, 0)
    provider.control.replace_secrets(CLIENT_ID, "a-new-secret")
    async with service.running():
        assert await wait_until(lambda: service.reported("client_fault"))
        paused = await client(service, service.config())
    assert paused.fault is not None
    assert paused.probe_at is not None
    assert paused.probe_at - paused.fault.since == PROBE_EVERY
    assert len(provider.control.journal()) == 2


async def test_clients_that_hang_leave_the_others_their_share(service: Service, provider: "ProviderThread") -> None:
    provider.control.fail(Fault.model_validate({"realm": "strict", "delay_before": 14}))
    provider.control.fail(Fault.model_validate({"realm": "grace", "delay_before": 14}))
    hanging = await fleet(service, provider, [f"strict{number}" for number in range(8)])
    hanging += await fleet(service, provider, [f"grace{number}" for number in range(8)], "grace")
    async with service.running(attempts={"max_in_flight": 4, "max_per_client": 4}):
        await wait_until(lambda: sum(one.is_open for one in provider.control.journal()) >= 4)
        others = await fleet(service, provider, ["one", "two", "three"], "microsoft")
        async with service.house.asker("mail") as asker:
            answers = await asyncio.gather(*(_got(asker, one) for one in others))
        assert [answer["generation"] for answer in answers] == [2, 2, 2]
        assert {(await service.record(one)).grant.generation for one in hanging} == {1}
        provider.control.clear()


async def _got(asker: Asker, config_id: str) -> Any:
    return await ask(asker, GET, {"config": config_id}, deadline=timedelta(seconds=10))


async def test_a_provider_says_when_it_wants_to_be_asked_again(refresher: Service, provider: "ProviderThread") -> None:
    """By `refresh_in`, or by returning the access token that is stored, which is not to be asked for again at once."""
    wanted, same = await fleet(refresher, provider, ["wanted", "same"])
    await all_active(refresher, [wanted, same])
    provider.control.fail(Fault.model_validate({"change": {"refresh_in": 100}, "next": 1}))
    await refresher.due_now(wanted)
    assert (await renewed(refresher, wanted)) == 100
    provider.control.fail(Fault.model_validate({"same_access_token": True, "change": {"expires_in": 200}, "next": 1}))
    await refresher.due_now(same)
    assert (await renewed(refresher, same)) == 100


async def renewed(service: Service, config_id: str) -> float | None:
    """Seconds from the second refresh to the moment from which the next one is wanted."""

    async def refreshed() -> bool:
        return (await service.record(config_id)).grant.generation == 3

    await wait_until(refreshed)
    grant = (await service.record(config_id)).grant
    if grant.renew_at is None or grant.obtained_at is None:
        return None
    return (grant.renew_at - grant.obtained_at).total_seconds()


async def test_grants_that_were_claimed_ahead_are_not_sent_once_the_provider_asked_for_patience(
    service: Service, provider: "ProviderThread"
) -> None:
    provider.control.fail(Fault.model_validate({"status": 429, "retry_after": "600", "next": 1}))
    ids = await fleet(service, provider, [f"box{number}" for number in range(5)])
    async with service.running(attempts={"max_per_client": 1}):

        async def all_given_back() -> bool:
            held = (await client(service, service.config())).held_until is not None
            return held and all(one.lease is None for one in (await service.store.read_many(ids)).values())

        await wait_until(all_given_back)
        assert len(provider.control.journal()) == 1


async def test_who_waits_comes_first_and_many_wishes_of_one_client_hide_no_other(service: Service) -> None:
    many, other = service.config("many"), service.config("other", client_id="other")
    rows = [await service.store.collection.find_one({"_id": await service.insert(one)}) for one in (many, other)]
    now = service.store.time.now()
    wish = [{"id": "refresh:1", "kind": "refresh", "actor": "admin", "generation": 1, "code": None, "askers": []}]
    waiter = [{"id": "mail:1", "reply_to": {}, "min_validity": 0, "deadline": None, "renamed": False}]
    plans: list[tuple[Any, str, int, dict[str, Any]]] = [
        (rows[0], "wished", 30, {"wishes": wish}),
        (rows[0], "overdue", 30, {}),
        (rows[0], "waited", 2, {"waiters": waiter}),
        (rows[1], "other", 1, {"wishes": wish}),
    ]
    copies = [
        {**row, "_id": f"{name} {n}", "names": [f"{name} {n}"], "due": now - HOUR + timedelta(minutes=place), **fields}
        for place, (row, name, number, fields) in enumerate(plans)
        for n in range(number)
    ]
    await service.store.collection.insert_many(copies)
    found = {one.client: one for one in await DueStore(service.database).due(10)}
    assert found[client_of(other).hash].asked == ("other 0",)
    mine = found[client_of(many).hash]
    assert (len(mine.asked), len(mine.due)) == (10, 10)
    await service.store.collection.delete_many({"wishes.0": {"$exists": True}, "client": client_of(many).hash})
    (mine, _) = sorted(await DueStore(service.database).due(10), key=lambda one: len(one.due), reverse=True)
    assert set(mine.first(3)[:2]) == {"waited 0", "waited 1"}
    assert mine.first(3)[2].startswith("overdue")


async def test_a_client_that_no_config_names_any_more_is_settled_and_forgotten(service: Service) -> None:
    left, used = service.config(), service.config("Other", client_id="other")
    left_id, _ = await service.insert(left), await service.insert(used)
    store, one, now = ClientStore(service.database), await client(service, left), service.store.time.now()
    fault = ClientFault("client_fault", "invalid_client", "It was deleted there.", "check-client", "Look there.", now)
    secret = ClientSecret("sealed", "print", left_id, now)
    told = replace(one, fault=fault, secrets=(secret,))
    assert await store.write(one, told, (), now) is not None
    await service.store.collection.delete_one({"_id": left_id})
    assert await store.unused(HOUR) == [], "its next config may be on its way"
    await store.collection.update_many({}, {"$set": {"unused_since": now - OLD}})

    async def gone() -> bool:
        return await store.read(one.hash) is None

    async with service.running():
        await wait_until(gone)
    recovered = [event for event in await service.expiry_events() if isinstance(event, ExpiryRecovered)]
    assert [event.causes for event in recovered] == [(f"client:{one.hash}:client_fault",)]
    of_client = [event for event in await service.house.read(TOKEN_EVENTS) if event.key == one.hash.encode()]
    assert [event.value is None for event in of_client] == [False, True]
    assert (await client(service, used)).client_id == "other"
    await store.meet([client_of(left)], service.store.time.now())
    assert (await client(service, left)).sequence > recovered[0].sequence


class CountingDoor:
    """The door to providers, and how many documents it was asked for."""

    def __init__(self, door: HttpDoor) -> None:
        self._door = door
        self.asked = 0

    async def get(self, url: str) -> HttpAnswer:
        self.asked += 1
        return await self._door.get(url)


async def test_metadata_are_fetched_once_for_all_grants_that_need_them_at_a_time(
    service: Service, provider: "ProviderThread"
) -> None:
    config = service.config(requests={}, options={"issuer": provider.issuer("strict"), "discovery": True})
    record = await service.record(await service.insert(config))
    real = HttpDoor(allow_hosts=service.settings().oauth2.allow_hosts)
    await real.start()
    door = CountingDoor(real)
    discovery = Discovery(door, ClientStore(service.database), service.store.time, SYSTEM_CLOCK)
    found = await asyncio.gather(*(discovery.of(record) for _ in range(20)))
    await real.stop()
    assert (door.asked, {one.token_by_refresh for one in found}) == (1, {f"{provider.issuer('strict')}/token"})
