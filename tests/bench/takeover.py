"""Row: one of three refreshers is killed; the longest that a `get` waits, against three bare members of a group.

Both groups lose a member at the same moment, under the same session settings. A `get` waits longest where it was sent
just after, to a partition of the dead one. The library does not wait for the group: it asks the next partition.
"""

import asyncio
import dataclasses
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Final

from devstack.ports import free_ports
from devstack.processes import Service, Supervisor
from grantkeeper.process.settings import KafkaSettings
from grantkeeper_client import Asker
from tests.bench.installation import REPLIES, REQUESTS, Installation, Side, echo, gets
from tests.bench.load import Load
from tests.bench.report import Row, middle

ROUNDS: Final = 5
RATE: Final = 50
"""Requests per second of each kind."""
KILLED_AFTER, SECONDS = 1.0, 5.0
SETTLED: Final = 0.5
"""Seconds that no request takes while the groups are at rest."""
TRIES: Final = 30
SESSION: Final = int(KafkaSettings.model_fields["session_timeout"].default * 1000)
FLOOR, LIBRARY_FLOOR = 1.2, 0.5
DEADLINE: Final = timedelta(seconds=30)


async def measure(installation: Installation, ids: Sequence[str], reply: bytes) -> list[Row]:
    """Rounds of one kill in both groups."""
    rounds = [await _round(installation, ids, reply) for _ in range(ROUNDS)]
    ours, bare, library = (middle(gaps) for gaps in zip(*rounds, strict=True))
    what = "one of three refreshers killed: longest gap of get"
    return [
        Row(f"{what}, against a bare group", ours, bare, "s", FLOOR, higher_is_better=False),
        Row(f"{what}, with the library's tries", library, bare, "s", LIBRARY_FLOOR, higher_is_better=False),
    ]


async def _round(installation: Installation, ids: Sequence[str], reply: bytes) -> tuple[float, float, float]:
    async with AsyncExitStack() as stack:
        refresher = stack.enter_context(_two_more(installation))
        bare = await stack.enter_async_context(_three(installation, ids, reply))
        ours = Side("ours", REQUESTS, REPLIES, refresher)
        for side in (ours, bare):
            await _settle(installation, ids, side)
        killing = asyncio.create_task(_kill(ours.pid, bare.pid))
        gaps = await asyncio.gather(
            _load(installation, ids, ours, SECONDS), _load(installation, ids, bare, SECONDS), _asked(installation, ids)
        )
        await killing
        return gaps


@contextmanager
def _two_more(installation: Installation) -> Iterator[int]:
    """Two refreshers beside the one that runs; yields the process id of one of them."""
    supervisor = Supervisor(installation.layout.data / "more", environment={}, tell=print)
    try:
        supervisor.start([_named(installation.refresher_service, f"refresher-{number}") for number in (2, 3)])
        supervisor.wait_until_ready()
        pid = supervisor.child("refresher-2").pid
        assert pid is not None
        yield pid
    finally:
        supervisor.stop()


def _named(service: Service, name: str) -> Service:
    (port,) = free_ports(1)
    own = {"GRANTKEEPER_KAFKA__GROUP_INSTANCE_ID": name, "GRANTKEEPER_HEALTH__PORT": str(port)}
    return dataclasses.replace(
        service, name=name, environment={**service.environment, **own}, ready_url=f"http://127.0.0.1:{port}/readyz"
    )


@asynccontextmanager
async def _three(installation: Installation, ids: Sequence[str], reply: bytes) -> AsyncIterator[Side]:
    async with AsyncExitStack() as stack:
        members = [
            await stack.enter_async_context(
                echo(installation, "takeover", ids, reply, f"--member=bare-{number}", f"--session={SESSION}")
            )
            for number in (1, 2, 3)
        ]
        yield members[0]


async def _settle(installation: Installation, ids: Sequence[str], side: Side) -> None:
    """Return when the group answers at once: every member has its partitions."""
    for _ in range(TRIES):
        if await _load(installation, ids, side, 1.0) < SETTLED:
            return
    raise AssertionError(f"{side.name}: the group does not come to rest")


async def _kill(*processes: int) -> None:
    await asyncio.sleep(KILLED_AFTER)
    for pid in processes:
        os.kill(pid, signal.SIGKILL)


async def _load(installation: Installation, ids: Sequence[str], side: Side, seconds: float) -> float:
    requests = gets(installation, ids, side.topic, int(RATE * seconds))
    async with Load(installation.bootstrap, side.topic, side.replies) as load:
        return max(await load.at_rate(requests, RATE, seconds))


async def _asked(installation: Installation, ids: Sequence[str]) -> float:
    async with Asker(installation.mail) as asker:

        async def one(config_id: str) -> float:
            start = time.perf_counter()
            asked = {"config": config_id, "min_validity": 60}
            await asker.ask("token.requests", "grantkeeper.token.get.v1", asked, deadline=DEADLINE)
            return time.perf_counter() - start

        asking = []
        for number in range(int(RATE * SECONDS)):
            asking.append(asyncio.create_task(one(ids[number % len(ids)])))
            await asyncio.sleep(1 / RATE)
        return max(await asyncio.gather(*asking))
