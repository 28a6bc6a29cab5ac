"""What waits for a provider while the engine is stopped: who asked is told, and nothing is lost."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import SecretStr

from grantkeeper.process.clock import SYSTEM_IDS
from grantkeeper_client import Asker
from schemas.config_events import ConfigPurged
from services.refresher.domain.grant import settled
from services.refresher.domain.record import Waiter, Wish
from tests.integration.refresher.service import Service, ask
from tests.integration.refresher.test_adoption import ADOPT, handed_in, minted
from tests.integration.refresher.test_clients import fleet
from tests.integration.refresher.test_device_login import begin, enter, quick, with_device
from tests.integration.refresher.test_engine import RESUME, REVOKE, STOP, engine, granted
from tests.integration.refresher.test_logins import Browser, hashed
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread


async def wished(service: Service, config_id: str, wish: Wish) -> str:
    """Store a wish as a refresher does that has not heard of the stop yet; returns the id of the question."""
    question = SYSTEM_IDS.uuid7()
    reply_to = {"principal": "mail", "version": 1, "ring_id": "r1", "correlation_id": question}
    wish = replace(wish, askers=(Waiter(f"mail:{question}", reply_to),))
    record = await service.record(config_id)
    after = settled(replace(record, wishes=(*record.wishes, wish)), service.store.time.now())
    assert await service.store.write(record, after, ()) is not None
    return question


async def all_told_stopped(service: Service, questions: Sequence[str]) -> None:
    async def answered() -> list[str]:
        replies = await service.house.replies("mail")
        found = [replies[question][0] for question in questions if question in replies]
        return [json.loads(reply)["error"]["code"] for reply in found] if len(found) == len(questions) else []

    assert set(await wait_until(answered)) == {"stopped"}


async def test_what_waits_at_a_stop_is_told_and_can_be_done_after_it(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    quick(provider)
    login, adopting = [await refresher.configured(refresher.config(name)) for name in ("Login", "Adopting")]
    device = await refresher.configured(with_device(refresher, name="Device"))
    revoked, purged = await granted(refresher, provider, "Revoked"), await granted(refresher, provider, "Purged")
    browser = Browser(refresher, admin, login)
    given = browser.come_back((await browser.start())["url"])
    shown = await begin(admin, device)
    taken_over = handed_in(refresher, adopting, refresh_token := minted(provider))

    await engine(admin, STOP)
    enter(shown)
    code = refresher.secrets.keep_code(login, SecretStr(given["code"]))
    kept = refresher.secrets.keep_code(adopting, SecretStr(refresh_token))
    wishes = {
        login: Wish(hashed(given["state"]), "complete", "admin", code=code),
        adopting: Wish("adopt:1", "adopt", "admin", code=kept),
        revoked: Wish("revoke:1", "revoke", "admin", generation=1),
    }
    questions = [await wished(refresher, config_id, wish) for config_id, wish in wishes.items()]
    await refresher.tell(ConfigPurged(config_id=purged, revision=2, sequence=2))
    await all_told_stopped(refresher, questions)
    assert [(await refresher.record(one)).wishes for one in wishes] == [(), (), ()]
    assert (await refresher.knows(purged, 2)).purged
    assert (await refresher.record(device)).device is not None
    assert {one.grant_type for one in provider.control.journal()} <= {"urn:ietf:params:oauth:grant-type:device_code"}

    await engine(admin, RESUME)
    assert (await browser.complete(given))["status"]["state"] == "active", "the same return is taken again"
    assert (await ask(admin, ADOPT, taken_over))["status"]["state"] == "active"
    assert (await ask(admin, REVOKE, {"config": revoked, "generation": 1}))["status"]["state"] == "revoked"
    await refresher.becomes(device, "active")

    async def gone() -> bool:
        return await refresher.store.read(purged) is None

    await wait_until(gone)


async def test_a_process_that_is_held_gives_back_what_it_has_claimed_ahead(
    service: Service, provider: "ProviderThread"
) -> None:
    gate = asyncio.Event()

    async def hold(point: str) -> None:
        if point == "refresher.sent":
            await gate.wait()

    async def leased(number: int) -> bool:
        return sum(record.lease is not None for record in (await service.store.read_many(ids)).values()) == number

    ids = await fleet(service, provider, ["one", "two"])
    async with service.running(hold, attempts={"max_per_client": 1}), service.house.asker("admin") as admin:

        async def is_held() -> bool:
            return (await engine(admin)).get("held") == "another_cluster"

        await wait_until(lambda: leased(2))
        await wait_until(provider.control.journal)
        await service.database["engine"].update_one({"_id": "engine"}, {"$set": {"bus": "the owner's"}})
        await wait_until(is_held)
        gate.set()
        await wait_until(lambda: leased(0))
    first, second = sorted((await service.store.read_many(ids)).values(), key=lambda record: -record.grant.generation)
    assert first.grant.generation == 2, "what was in hand is stored"
    assert (second.grant.generation, second.grant.unknown, second.attempts) == (1, 0, ())
    assert len(provider.control.journal()) == 1
