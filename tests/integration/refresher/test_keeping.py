"""From a provider's answer on no error loses the refresh token that it brought."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from devstack.ports import free_ports
from devstack.provider.faults import Fault
from grantkeeper.crypto.at_rest import AtRest
from grantkeeper.crypto.ring import VaultRing
from grantkeeper.mongo.client import Database, connect
from grantkeeper.process.clock import SYSTEM_CLOCK, SYSTEM_IDS
from grantkeeper.process.errors import Unavailable
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.settings import MongoSettings
from grantkeeper_client import ReplyError
from services.refresher import scheduler
from services.refresher.announce import announced
from services.refresher.database_time import DatabaseTime
from services.refresher.domain.grant import refreshed, settled
from services.refresher.domain.record import Lease, Record
from services.refresher.issuing import Issuing
from services.refresher.keeping import Keeping
from services.refresher.patience import Patience
from services.refresher.reading import Reading
from services.refresher.secrets_at_rest import Secrets
from services.refresher.store import GrantStore
from services.refresher.taking import Taking
from tests.integration.refresher.service import Service
from tests.integration.refresher.test_crashes import grant_of, stored
from tests.integration.refresher.test_logins import Browser
from tests.unit.refresher.records import CONFIG_ID, NOW, granted, issued
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread
    from grantkeeper_client import Asker
    from tests.servers import MongoServer

RING = VaultRing.new("one")
SECRETS = Secrets(AtRest(RING), RING.fingerprint)
BROUGHT = SecretStr("came-with-the-answer")


def store_at(database: Database) -> GrantStore:
    return GrantStore(database, DatabaseTime(SYSTEM_CLOCK), SYSTEM_IDS, Reading(SYSTEM_CLOCK, Metrics("refresher")))


@pytest.fixture
async def store(mongo: "MongoServer", database: str) -> AsyncIterator[GrantStore]:
    db = connect(MongoSettings.model_validate({"uri": mongo.uri, "database": database}), service="test")
    store = store_at(db)
    await store.prepare()
    yield store
    db.client.close()


@pytest.fixture
def patience() -> Patience:
    return Patience(SYSTEM_CLOCK, SYSTEM_IDS, Metrics("refresher"))


@pytest.fixture
def keeping(store: GrantStore, patience: Patience) -> Keeping:
    return Keeping(store, SECRETS, patience)


async def claimed(store: GrantStore) -> Record:
    record = replace(granted(), lease=Lease("mine", NOW + timedelta(seconds=20)))
    await store.insert(record, ())
    return record


async def read(store: GrantStore) -> Record:
    record = await store.read(CONFIG_ID)
    assert record is not None
    return record


def opened(stored: str | None) -> SecretStr:
    assert stored is not None
    return SECRETS.refresh_token(CONFIG_ID, stored)


async def test_a_refresh_token_takes_the_place_of_the_one_that_brought_it_once(
    store: GrantStore, keeping: Keeping
) -> None:
    before = await claimed(store)
    kept = await keeping.keep(before, BROUGHT)
    again = await keeping.keep(before, BROUGHT)
    record = await read(store)
    assert (kept.grant, kept.sequence) == (again.grant, again.sequence) == (record.grant, record.sequence)
    assert opened(record.grant.refresh_token) == BROUGHT
    assert (record.grant.previous_refresh_token, record.grant.generation) == ("refresh 1", 2)
    assert record.lease == before.lease


async def test_one_that_a_login_brought_is_put_aside_once(store: GrantStore, keeping: Keeping) -> None:
    before = await claimed(store)
    for _ in range(2):
        await keeping.keep(before, BROUGHT, aside=True)
    grant = (await read(store)).grant
    assert [opened(kept.refresh_token) for kept in grant.quarantine] == [BROUGHT]
    assert grant.refresh_token == before.grant.refresh_token


async def test_one_that_meets_another_generation_is_put_aside_and_the_other_s_lease_stays_its_own(
    store: GrantStore, keeping: Keeping
) -> None:
    before = await claimed(store)
    theirs = settled(refreshed(before, issued(2)), NOW)
    assert await store.write(before, theirs, ()) is not None
    await store.collection.update_one({"_id": CONFIG_ID}, {"$set": {"lease.token": "theirs"}})
    kept = await keeping.keep(before, BROUGHT)
    record = await read(store)
    assert [opened(each.refresh_token) for each in record.grant.quarantine] == [BROUGHT]
    assert record.grant.refresh_token == "refresh 2"
    assert kept.lease == before.lease != record.lease


async def test_every_error_of_the_database_is_outlasted_and_shown(
    store: GrantStore, keeping: Keeping, patience: Patience
) -> None:
    before = await claimed(store)
    await refuse_writes(store)
    working = asyncio.create_task(keeping.keep(before, BROUGHT))
    await wait_until(patience.problems)
    assert patience.problems() == [f"kept in memory alone: 1, among them the result of {CONFIG_ID}: WriteError"]
    await refuse_writes(store, refuse=False)
    await working
    assert opened((await read(store)).grant.refresh_token) == BROUGHT
    assert patience.problems() == []


async def refuse_writes(store: GrantStore, *, refuse: bool = True) -> None:
    rule = {"nobody": {"$exists": True}} if refuse else {}
    await store.collection.database.command("collMod", store.collection.name, validator=rule)


async def test_what_breaks_off_with_an_answer_in_hand_costs_no_refresh_token(
    store: GrantStore, keeping: Keeping
) -> None:
    before = await claimed(store)
    with pytest.raises(ZeroDivisionError):
        async with keeping.holding(before, BROUGHT):
            raise ZeroDivisionError
    assert opened((await read(store)).grant.refresh_token) == BROUGHT


async def test_what_holds_nothing_does_not_wait_for_the_database(patience: Patience) -> None:
    """A consumer hands its messages back instead: it must not leave its group for an outage."""
    uri = f"mongodb://127.0.0.1:{free_ports(1)[0]}/?serverSelectionTimeoutMS=100"
    away = connect(MongoSettings.model_validate({"uri": uri, "server_selection_timeout": 0.1}), service="test")
    store = store_at(away)
    taking = Taking(store, Issuing(SECRETS), SECRETS, *(cast("Any", None),) * 2, patience, cast("Any", None))
    with pytest.raises(Unavailable):
        await taking.adopted_elsewhere(granted(), BROUGHT)
    away.client.close()


async def test_a_mistake_while_telling_a_refresh_ends_no_login_at_a_strict_provider(
    service: Service, provider: "ProviderThread", monkeypatch: pytest.MonkeyPatch
) -> None:
    mistakes = iter([True])

    def mistaken(*given: Any, **more: Any) -> Any:
        if next(mistakes, False):
            raise TypeError("cannot be told")
        return announced(*given, **more)

    monkeypatch.setattr("services.refresher.storing.announced", mistaken)
    config_id = await grant_of(service, provider, "strict")
    async with service.running():
        await stored(service, lambda record: record.failures == 1, config_id)
        at_once = {"not_before": None, "due": service.store.time.now()}
        await service.store.collection.update_one({"_id": config_id}, {"$set": at_once})
        record = await stored(service, lambda record: record.grant.generation == 3, config_id)
    assert (record.state, record.grant.unknown, record.grant.quarantine) == ("active", 0, ())
    assert [one.outcome for one in provider.control.journal()] == ["ok", "ok"]
    assert [one.code for one in record.attempts] == ["internal_error", None]


async def test_an_answer_to_a_code_without_an_access_token_leaves_its_refresh_token_aside(
    refresher: Service, admin: "Asker", provider: "ProviderThread"
) -> None:
    browser = Browser(refresher, admin, await refresher.configured(refresher.config()))
    provider.control.fail(Fault(drop=("access_token",), next=1))
    given = browser.come_back((await browser.start())["url"])
    with pytest.raises(ReplyError, match="authorization_failed"):
        await browser.complete(given)
    record = await refresher.record(browser.config)
    assert len(record.grant.quarantine) == 1
    assert record.grant.refresh_token is None
    assert await wait_until(lambda: refresher.reported("quarantined_refresh_token"))


async def test_a_stop_names_the_config_whose_answer_it_has_to_give_up(
    service: Service, provider: "ProviderThread", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "STOP_WITHIN", 1.0)

    async def fill_the_disk(point: str) -> None:
        if point == "refresher.sent":
            await refuse_writes(service.store)

    config_id = await grant_of(service, provider, "strict")
    with capture_logs() as lines:
        async with service.running(fill_the_disk):
            await wait_until(lambda: any(line["event"].startswith("result kept in memory") for line in lines))
    given_up = [line for line in lines if line["event"] == "attempt given up at the stop"]
    assert [(line["config_id"], line["result_lost"], line["log_level"]) for line in given_up] == [
        (config_id, True, "error")
    ]
