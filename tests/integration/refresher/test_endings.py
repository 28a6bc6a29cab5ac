"""How attempts end for the grant and for who waited, whatever happens while they are under way."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from devstack.provider.faults import Fault
from grantkeeper.process.clock import SYSTEM_CLOCK
from grantkeeper_client import ReplyError
from schemas.token_requests import TokenGet
from services.refresher.domain.record import Record
from services.refresher.domain.recovery import SHORTEST
from tests.integration.refresher.service import CLIENT_ID, Service, ask
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread

GET = "grantkeeper.token.get.v1"
LIST = "grantkeeper.token.list.v1"
REFRESH = "grantkeeper.token.refresh.v1"
REPORT = "grantkeeper.token.report_rejected.v1"
HOUR = timedelta(hours=1)
OLD = timedelta(minutes=10)


class Gate:
    """Holds the first answer of the provider back until it is opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, point: str) -> None:
        if point == "refresher.sent" and not self.reached.is_set():
            self.reached.set()
            await self.opened.wait()


async def grant(
    service: Service, provider: "ProviderThread", realm: str = "strict", age: timedelta = 2 * HOUR, **fields: Any
) -> str:
    """A config with a grant; made while no refresher runs."""
    config_id = await service.insert(service.config("Support", realm, **fields))
    await service.plant(config_id, provider.control.mint(realm, ["amy"], client_id=CLIENT_ID)[0], age=age)
    return config_id


async def until(service: Service, config_id: str, condition: Callable[[Record], object]) -> Record:
    async def fits() -> Record | None:
        record = await service.record(config_id)
        return record if condition(record) else None

    record = await wait_until(fits, 60)
    assert record is not None
    return record


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"disabled": True}, "principal_disabled"),
        ({"configs": ("01900000-0000-7000-8000-000000000001",)}, "not_permitted"),
    ],
)
async def test_who_may_not_have_it_any_more_gets_no_access_token_however_long_the_wait(
    service: Service, provider: "ProviderThread", change: dict[str, Any], code: str
) -> None:
    config_id, gate = await grant(service, provider), Gate()
    asked = service.house.command(TokenGet(config=config_id), "mail")
    async with service.running(gate):
        await service.house.send(asked)
        await gate.reached.wait()
        await until(service, config_id, lambda record: record.waiters)
        await service.register("mail", "mail", **change)
        await wait_until(lambda: refused(service, config_id, code))
        gate.opened.set()
        [answer] = await service.house.answers_to(asked, principal="mail")
    assert (answer["ok"], answer["error"]["code"]) == (False, code)


async def refused(service: Service, config_id: str, code: str) -> bool:
    """Whether the refresher has heard of the change: it refuses the next question at once."""
    question = service.house.command(TokenGet(config=config_id), "mail")
    await service.house.send(question)
    try:
        async with asyncio.timeout(5):
            [answer] = await service.house.answers_to(question, principal="mail")
    except TimeoutError:
        return False
    return bool(answer["error"]["code"] == code)


async def test_nobody_answers_who_has_stopped_listening(service: Service, provider: "ProviderThread") -> None:
    config_id, gate = await grant(service, provider), Gate()
    async with service.running(gate):
        soon = SYSTEM_CLOCK.now() + timedelta(seconds=8)
        impatient = service.house.command(TokenGet(config=config_id), "mail", expirytime=soon)
        patient = service.house.command(TokenGet(config=config_id), "mail")
        await service.house.send(impatient, patient, partition=0)
        await until(service, config_id, lambda record: len(record.waiters) == 2)
        await wait_until(lambda: service.store.time.now() > soon)
        gate.opened.set()
        [answer] = await service.house.answers_to(patient, principal="mail")
    assert answer["ok"]
    assert impatient.correlation_id not in await service.house.replies("mail")


async def test_a_report_of_a_rejected_access_token_obeys_a_provider_that_asked_for_patience(
    service: Service, provider: "ProviderThread"
) -> None:
    config_id = await grant(service, provider, age=OLD)
    provider.control.fail(Fault.model_validate({"status": 429, "retry_after": "600", "next": 1}))
    async with service.running(), service.house.asker("admin") as admin:
        with pytest.raises(ReplyError, match="refresh_failed"):
            await ask(admin, REFRESH, {"config": config_id, "generation": 1})
        for _ in range(2):
            with pytest.raises(ReplyError, match="retry_later") as later:
                await ask(admin, REPORT, {"config": config_id, "generation": 1}, deadline=timedelta(seconds=10))
            assert later.value.retryable
            assert later.value.retry_after is not None
            assert later.value.retry_after > 500
    assert len(provider.control.journal()) == 1
    assert (await service.record(config_id)).wishes == ()


async def test_a_refusal_that_meets_a_newer_grant_is_not_believed(service: Service, provider: "ProviderThread") -> None:
    config_id, gate = await grant(service, provider), Gate()
    provider.control.revoke("strict", login="amy")
    async with service.running(gate):
        await gate.reached.wait()
        await service.plant(config_id, provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)[0])
        gate.opened.set()
        record = await until(service, config_id, lambda record: record.lease is None)
    assert (record.state, record.failures, record.grant.generation) == ("active", 0, 2)
    assert len(provider.control.journal()) == 1


async def test_the_previous_refresh_token_saves_a_login_where_the_provider_still_takes_it(
    service: Service, provider: "ProviderThread"
) -> None:
    config_id = await grant(service, provider, "microsoft")
    async with service.running():
        await until(service, config_id, lambda record: record.grant.generation == 2)
        provider.control.fail(Fault.model_validate({"delivery": "lost", "next": 1}))
        refusal = {"status": 400, "body": '{"error": "invalid_grant"}', "next": 1}
        provider.control.fail(Fault.model_validate(refusal))
        await service.due_now(config_id)
        record = await until(service, config_id, lambda record: record.grant.generation == 3)
    sent = [entry.secret for entry in provider.control.journal()]
    assert (len(sent), sent[1] == sent[2], sent[3] == sent[0]) == (4, True, True)
    assert (record.state, record.grant.falls_back, record.grant.unknown) == ("active", False, 0)
    assert await service.reported("lost_rotation") == []


async def test_the_history_of_attempts_is_told_of_one_token_newest_first_and_nowhere_else(
    service: Service, provider: "ProviderThread"
) -> None:
    config_id = await grant(service, provider)
    provider.control.fail(Fault.model_validate({"status": 503, "next": 1, "headers": {"x-request-id": "req-1"}}))
    async with service.running(), service.house.asker("admin") as admin:
        await service.becomes(config_id, "active", 60)
        status = await service.status(admin, config_id)
        rows = (await ask(admin, LIST, {}))["rows"]
        events = await service.token_events(config_id)
    newest, oldest = status["attempts"]
    assert (newest["outcome"], newest["http_status"]) == ("success", 200)
    assert (oldest["outcome"], oldest["http_status"], oldest["code"]) == ("transient", 503, "http_503")
    assert oldest["correlation_id"] == "req-1"
    assert oldest["at"] < newest["at"]
    assert 0 <= newest["latency_ms"] < 15_000
    assert [row.get("attempts", []) for row in rows] == [[]]
    assert {event.status.attempts for event in events} == {()}


async def test_an_answer_that_nobody_knows_is_kept_visible_and_tried_again(
    service: Service, provider: "ProviderThread"
) -> None:
    config_id = await grant(service, provider)
    provider.control.fail(Fault.model_validate({"status": 418, "body": '{"error": "short_and_stout"}', "next": 1}))
    async with service.running(), service.house.asker("admin") as admin:
        failing = await until(service, config_id, lambda record: record.failures)
        status = await service.status(admin, config_id)
        healed = await service.becomes(config_id, "active", 60)
    assert status["last_error"]["code"] == "short_and_stout"
    assert status["state"] in {"expired", "active"}
    assert failing.grant.refresh_token is not None
    assert [attempt.outcome for attempt in healed.attempts] == ["transient_alarm", "success"]


async def test_a_mistake_of_our_own_shows_waits_and_is_gone_with_the_next_success(
    service: Service, provider: "ProviderThread"
) -> None:
    config_id = await grant(service, provider, "grace", age=OLD)
    broken = False

    async def break_once(point: str) -> None:
        nonlocal broken
        if point == "refresher.sent" and not broken:
            broken = True
            raise RuntimeError("a mistake with the answer in hand")

    async with service.running(break_once), service.house.asker("admin") as admin:
        with pytest.raises(ReplyError, match="internal_error"):
            await ask(admin, REFRESH, {"config": config_id, "generation": 1})
        status = await service.status(admin, config_id)
        assert (status["state"], status["last_error"]["code"]) == ("retrying", "internal_error")
        assert [one["code"] for one in status["attempts"]] == ["internal_error"]
        assert (await ask(admin, GET, {"config": config_id}))["access_token"], "served on"
        healed = await until(service, config_id, lambda record: record.grant.generation == 2)
    assert (healed.state, healed.failures, healed.grant.unknown) == ("active", 0, 0)
    mistake, success = sorted(healed.attempts, key=lambda attempt: attempt.at)
    assert success.at - mistake.at >= SHORTEST


@pytest.mark.long
async def test_an_attempt_whose_addresses_were_found_too_late_is_made_anew_and_counts_as_no_failure(
    service: Service, provider: "ProviderThread"
) -> None:
    """Discovery takes longer than the lease can spare: with the addresses known, the next lease is enough."""
    issuer = f"{service.base_url}/strict"
    options = {"issuer": issuer, "discovery": True}
    config_id = await grant(service, provider, requests={}, options=options)
    provider.control.fail(Fault.model_validate({"endpoint": "discovery", "delay": 5, "next": 1}))
    async with service.running():
        record = await service.becomes(config_id, "active", 40)
    assert [attempt.outcome for attempt in record.attempts] == ["success"]
    assert record.grant.generation == 2
    assert len(provider.control.journal(endpoint="token")) == 1
