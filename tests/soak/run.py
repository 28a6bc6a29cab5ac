"""One whole run: install, kill, settle, ask the provider and the database, judge."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import requests

from devstack.provider.control_client import ProviderControl
from services.refresher.domain.record import Record
from tests.integration.refresher.service import CLIENT_ID, CLIENT_SECRET
from tests.soak.installation import REALMS, Installation, installed, records, settle
from tests.soak.judging import Found, Judgement, judge
from tests.soak.killing import Killing
from tests.soak.traffic import asked_all_along

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What to do; the seed fixes the rest."""

    seed: int
    kills: int = 1000
    grants: int = 500
    """In each realm."""
    processes: int = 3

    @property
    def command(self) -> str:
        """How to do it again."""
        return f"make soak SEED={self.seed} KILLS={self.kills} GRANTS={self.grants} PROCESSES={self.processes}"


async def soak(order: Order, folder: Path, tell: Tell) -> Judgement:
    """Run and judge; prints figures as it goes."""
    tell(f"replay with: {order.command}")
    async with installed(folder, order.grants) as installation:
        ids = [one.config_id for one in installation.admin.planted]
        tell(f"{len(ids)} grants in {' and '.join(REALMS)}, access tokens live {installation.life:g} s")
        killing = Killing(
            installation.service, installation.control, folder, seed=order.seed, kills=order.kills, tell=tell
        )
        started = time.monotonic()
        async with asked_all_along(installation.service, ids, order.seed) as answers:
            async with installation.admin.logging_in_again():
                await killing.run(order.processes)
            tell(f"killed for {time.monotonic() - started:.0f} s; letting what is left settle")
            stuck = await settle(installation, order.processes)
        judgement = judge(installation.admin.planted, killing.kills, await _find(installation))
        for line in _figures(judgement, killing, answers):
            tell(line)
        left = [f"{config_id}: neither renewed nor told to be over, long after the last kill" for config_id in stuck]
        return replace(judgement, problems=(*killing.broken, *left, *judgement.problems))


async def _find(installation: Installation) -> Found:
    journal = await asyncio.to_thread(installation.control.journal)
    ended = {login: by for realm in REALMS for login, by in _ended_logins(installation.control, realm)}
    stored = await records(installation)
    over = {config_id for config_id, record in stored.items() if record.state == "reauthorization_required"}
    notices = [
        (event.config_id or "", event.kind)
        for kind in ("lost_rotation", "expired_refresh_token")
        for event in await installation.service.reported(kind)
    ]
    unusable = [config_id for config_id in stored if not await _is_usable(installation, stored[config_id])]
    return Found(journal, ended, frozenset(stored), frozenset(over), notices, unusable)


def _ended_logins(control: ProviderControl, realm: str) -> list[tuple[str, str]]:
    return [(one["login"], one["revoked_by"]) for one in control.grants(realm) if one["revoked_at"] is not None]


async def _is_usable(installation: Installation, record: Record) -> bool:
    """Tell whether the stored refresh token works; this uses it up, so nothing may come after."""
    service = installation.service
    if record.grant.refresh_token is None:
        return False
    form = {
        "grant_type": "refresh_token",
        "refresh_token": service.secrets.refresh_token(record.config_id, record.grant.refresh_token).get_secret_value(),
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    url = record.config.requests["TokenByRefreshToken"].url
    answer = await asyncio.to_thread(requests.post, url or "", form, timeout=10)
    return answer.ok


def _figures(judgement: Judgement, killing: Killing, answers: Counter[str]) -> list[str]:
    points = Counter((kill.life.point or "") if kill.at_point else "any instant" for kill in killing.kills)
    dead: Counter[str] = Counter(one.cause for one in judgement.ended)
    unexcused = sum(not one.excused for one in judgement.ended)
    found = judgement.by_journal
    return [
        f"kills: {len(killing.kills)} ({_counts(points)})",
        f"requests at the provider: {found.requests}",
        f"answers lost: {len(found.lost)}, refresh tokens sent again after one: {len(found.sent_again)}",
        f"refresh tokens spent twice while an attempt was open: {len(found.overlapping)}",
        f"longest time between an answer and the kill that lost it: {judgement.in_hand:.2f} s",
        f"logins ended: {len(judgement.ended)} ({_counts(dead)}), of these not excused: {unexcused}",
        f"asked by mail modules: {answers.total()} ({_counts(answers)})",
    ]


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counted.most_common()) or "none"
