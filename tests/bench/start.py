"""Row: how long a service takes from exec to ready, and how much memory it has then, against a bare app.

Everyone starts alone, as a member that its groups know already: what is compared is the process, not the wait for
others. The first start of each makes topics and indexes and does not count.
"""

import asyncio
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from devstack.child import Child
from devstack.ports import free_ports
from devstack.processes import Service, answers_ok
from devstack.services import Places, services
from tests.bench.counted import Count
from tests.bench.installation import make_topics, places
from tests.bench.report import Row, middle

ROUNDS: Final = 5
DEADLINE: Final = 60.0  # seconds
FLOOR: Final = 1.5
MOST_MIB: Final = 40
MIB: Final = 1024 * 1024
SERVICES: Final = ("config_service", "refresher", "notifier", "console")
SERVICE, CONSOLE = "bare_service", "bare_console"
"""What all are judged against, and what the console, which uses neither FastStream nor motor, also stands beside."""


@dataclass(slots=True)
class Seen:
    """Of each counted start: seconds until ready, processor seconds until then, MiB in memory."""

    took: list[float] = field(default_factory=list)
    spent: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)


def measure(folder: Path) -> list[Row | Count]:
    """Interleaved rounds of starts."""
    with places(folder) as (where, _):
        asyncio.run(make_topics(where.servers.bootstrap_servers, SERVICE, CONSOLE))
        table = [*_bare(where), *services(where)]
        seen: dict[str, Seen] = defaultdict(Seen)
        for number in range(1 + ROUNDS):
            for service in reversed(table) if number % 2 else table:
                _start(service, where.layout.data, seen[service.name] if number else Seen())
    rows: list[Row | Count] = []
    for name in SERVICES:
        rows += _judged(name, seen[name], seen[SERVICE])
    beside = "beside a bare Starlette app"
    return [*rows, *_rows("console", seen["console"], seen[CONSOLE], beside, None)]


def _bare(where: Places) -> list[Service]:
    servers, found = where.servers, []
    for name, port in zip((SERVICE, CONSOLE), free_ports(2), strict=True):
        given = [f"--bootstrap={servers.bootstrap_servers}", f"--topic={name}", f"--port={port}"]
        if name == SERVICE:
            given.append(f"--mongo={servers.mongo_uri}")
        command = (sys.executable, "-m", f"tests.bench.{name}", *given)
        found.append(Service(name, command, ready_url=f"http://127.0.0.1:{port}/readyz"))
    return found


def _start(service: Service, data: Path, seen: Seen) -> None:
    url = service.ready_url
    assert url is not None
    child = Child(service.name, service.command, log=data / f"{service.name}.log", environment=service.environment)
    start = time.perf_counter()
    child.start()
    try:
        child.wait_until_ready(lambda: answers_ok(url), DEADLINE)
        seen.took.append(time.perf_counter() - start)
        assert child.pid is not None
        process = psutil.Process(child.pid)
        times = process.cpu_times()
        seen.spent.append(times.user + times.system)
        seen.held.append(process.memory_info().rss / MIB)
    finally:
        child.stop()


def _judged(name: str, ours: Seen, bare: Seen) -> list[Row | Count]:
    held = middle(ours.held) - middle(bare.held)
    return [
        *_rows(name, ours, bare, "against a bare FastStream + motor app", FLOOR),
        Count(f"{name}: MiB of memory beyond the bare app's {middle(bare.held):.0f}", held, MOST_MIB),
    ]


def _rows(name: str, ours: Seen, bare: Seen, against: str, floor: float | None) -> list[Row]:
    compared = (("start", ours.took, bare.took, floor), ("processor time of a start", ours.spent, bare.spent, None))
    return [
        Row(f"{name}: {what}, {against}", middle(mine), middle(other), "s", most, higher_is_better=False)
        for what, mine, other, most in compared
    ]
