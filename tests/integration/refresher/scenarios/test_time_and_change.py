"""Scenarios 8, 10, 11 and 12: many at once, clocks that jump, keys that rotate, addresses that move."""

import asyncio
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from devstack.provider.journal import Entry
from devstack.provider.settings import MAIL_SERVER_ID, MAIL_SERVER_SECRET
from grantkeeper.crypto.at_rest import key_id
from grantkeeper.process.clock import SYSTEM_IDS
from grantkeeper_client import Asker, ReplyError
from schemas.token_config import TokenConfig
from services.refresher.domain.record import Grant, Origin, Record
from services.refresher.domain.schedule import next_due
from tests.integration.refresher.scenarios.field import GET, HOUR, all_renewed, becomes, planted, time_passes
from tests.integration.refresher.service import Service, ask
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def test_scenario_08_ten_thousand_tokens_of_one_moment_fall_due_at_twice_the_mean_rate_at_most() -> None:
    config = TokenConfig.model_validate({"name": "one of many", "template": "x"})
    grant = Grant(
        state="authorized",
        generation=1,
        access_token="x",
        refresh_token="y",
        obtained_at=NOW,
        expires_at=NOW + HOUR,
        origin=Origin("app", "idp.example.test"),
    )
    record = Record("x", config, 1, 1, "client", Origin("app", "idp.example.test"), NOW, NOW, grant=grant)
    due = [next_due(replace(record, config_id=SYSTEM_IDS.uuid7()), NOW) for _ in range(10_000)]
    minutes = Counter(int((moment - NOW).total_seconds()) // 60 for moment in due if moment is not None)
    assert minutes.total() == 10_000
    spread = max(minutes) - min(minutes) + 1
    assert max(minutes.values()) <= 2 * 10_000 / spread
    assert spread >= 20
    assert max(minutes) < 60 - 4  # the last one still has time for tries


@pytest.mark.parametrize("step", [2 * HOUR, -2 * HOUR], ids=["forward", "back"])
async def test_scenario_10_a_clock_that_jumps_starts_no_storm_and_serves_no_dead_token(
    service: Service, provider: "ProviderThread", step: timedelta
) -> None:
    """In the second case two hours go by for the provider, and for our clock they did not."""
    provider.control.change_realm("strict", answer_after=0.2)
    names = [f"box {number}" for number in range(60)]
    ids = await planted(service, provider, names, age=timedelta())
    async with service.running(attempts={"max_per_client": 10}), service.house.asker("mail") as mail:
        await time_passes(service, step)
        provider.control.expire("strict", "access_tokens")
        answers = await asyncio.gather(*(ask(mail, GET, {"config": name}, deadline=HOUR / 60) for name in names))
        await all_renewed(service, ids)
    assert {answer["generation"] for answer in answers} == {2}
    journal = provider.control.journal()
    assert len(journal) == 60  # one each
    assert max(_open_at(journal, entry.received_at) for entry in journal) <= 10


def _open_at(journal: Sequence[Entry], moment: float) -> int:
    return sum(entry.received_at <= moment < (entry.finished_at or moment + 1) for entry in journal)


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_scenario_10_a_machine_that_slept_a_minute_serves_no_dead_token(
    service: Service, provider: "ProviderThread", tmp_path: Path
) -> None:
    provider.control.change_realm("strict", access_token_life=30)
    (config_id,) = await planted(service, provider, life=timedelta(seconds=30), age=timedelta())
    process = service.process(tmp_path / "refresher.log")
    process.start()
    try:
        async with service.house.asker("mail") as mail:
            await wait_until(lambda: _served(mail), 60)
            process.signal(signal.SIGSTOP)
            await asyncio.sleep(60)
            posts = len(provider.control.journal())
            process.signal(signal.SIGCONT)
            answer = await ask(mail, GET, {"config": "Support"}, deadline=HOUR / 60)
            opened = service.secrets.access_token(config_id, (await service.record(config_id)).grant.access_token or "")
        assert answer["generation"] >= 2
        assert _is_alive(provider, opened.get_secret_value())
        assert len(provider.control.journal()) - posts <= 2
    finally:
        process.kill()


async def _served(mail: Asker) -> bool:
    try:
        return bool(await ask(mail, GET, {"config": "Support"}))
    except ReplyError:
        return False


def _is_alive(provider: "ProviderThread", token: str) -> bool:
    asked = requests.post(
        f"{provider.issuer('strict')}/introspect",
        {"token": token},
        auth=(MAIL_SERVER_ID, MAIL_SERVER_SECRET),
        timeout=5,
    )
    return asked.json()["active"] is True


async def test_scenario_11_a_rotated_key_takes_over_while_the_old_one_still_opens(
    service: Service, provider: "ProviderThread"
) -> None:
    ids = await planted(service, provider, ["used", "idle"], age=timedelta())
    ring = service.house.vault.with_entry("r2").with_current("r2")
    service.vault_file.write_text(ring.to_json())
    async with service.running(), service.house.asker("mail") as mail:
        assert (await ask(mail, GET, {"config": "used"}))["generation"] == 1
        await service.due_now(ids[0])
        await all_renewed(service, ids[:1])
        for config_id in ids:  # the one that nobody refreshes is written anew by itself
            await becomes(service, config_id, lambda record: _keys_of(record) == {"r2"})
        assert (await ask(mail, GET, {"config": "idle"}))["generation"] == 1
        await service.due_now(ids[1])
        await all_renewed(service, ids)


def _keys_of(record: Record) -> set[str]:
    grant = record.grant
    values = (grant.access_token, grant.refresh_token, grant.previous_refresh_token)
    return {key_id(value) for value in values if value is not None}


async def test_scenario_12_a_refresh_token_never_goes_to_another_host_because_a_config_says_so(
    service: Service, provider: "ProviderThread", other_provider: "ProviderThread"
) -> None:
    (config_id,) = await planted(service, provider, age=timedelta())
    allowed = [one.base_url.removeprefix("http://") for one in (provider, other_provider)]
    async with service.running(oauth2={"allow_hosts": allowed}), service.house.asker("admin") as admin:
        moved = service.config()
        addresses = {
            name: request.model_copy(
                update={"url": (request.url or "").replace(provider.base_url, other_provider.base_url)}
            )
            for name, request in moved.requests.items()
        }
        moved = moved.model_copy(update={"requests": addresses})
        moved = moved.model_copy(update={"client_secret": service.seal(moved, "typed again")})
        await service.configured(moved, config_id=config_id, sequence=2)
        assert (await service.status(admin, config_id))["new_login_needed"]
        await service.due_now(config_id)
        forced = {"config": config_id, "generation": (await service.record(config_id)).grant.generation}
        with pytest.raises(ReplyError):
            await ask(admin, "grantkeeper.token.refresh.v1", forced)
        await time_passes(service, 3 * HOUR)
        await becomes(service, config_id, lambda record: record.state == "reauthorization_required")
    assert other_provider.control.journal(endpoint=None) == []
    assert provider.control.journal() == []
