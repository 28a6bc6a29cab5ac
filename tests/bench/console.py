"""The overview of 10,000 tokens as a browser gets it: time of the whole page at the server, questions on the bus.

The console asks the refresher for one page of the list; filter, sort and page are the database's work. Each address is
asked one after the other, as people do, over a connection that stays open.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import requests
import uuid_utils

from devstack.keys import CONSOLE_USER, PREFIX
from devstack.processes import Supervisor
from devstack.servers import Servers
from devstack.services import Places, services
from grantkeeper_client import Asker
from tests.bench.counted import Count, records
from tests.bench.installation import CHUNK, Installation, import_configs
from tests.bench.processor import spent_by
from tests.bench.report import milliseconds
from tests.waiting import wait_until

FIRST: Final = 1_000_000
"""Number in the first name: others import their own."""
ADDRESSES: Final = (
    "tokens",
    "tokens?page=150",
    "tokens?search=bench+10047",
    "tokens?state=not_authorized&validity=valid",
    "tokens?sort=next_refresh_at&descending=1",
)
ROUNDS: Final = 40
LEARNT: Final = 120.0
"""Seconds in which the refresher has learnt of all tokens by their events."""
MOST_MILLISECONDS: Final = 300
MOST_QUESTIONS: Final = 3
TOPICS: Final = (f"{PREFIX}token.requests", f"{PREFIX}config.commands")


async def measure(installation: Installation, tokens: int) -> list[Count]:
    """Import the tokens, then look at them."""
    async with Asker(installation.admin) as asker:
        for start in range(FIRST, FIRST + tokens, CHUNK):
            await import_configs(installation, asker, [str(uuid_utils.uuid7()) for _ in range(CHUNK)], start)
    with _console(installation) as (page, pid):
        await wait_until(lambda: _total(page("tokens")) >= tokens, LEARNT)
        before = await records(installation, TOPICS)
        with spent_by(pid) as console, spent_by(installation.refresher) as refresher:
            times = [_timed(page, address) for _ in range(ROUNDS) for address in ADDRESSES]
        asked = (await records(installation, TOPICS) - before) / len(times)
    spent = 1_000 * (console.seconds + refresher.seconds) / len(times)
    what = f"overview of {tokens:,} tokens"
    return [
        Count(f"{what}: ms of a page, p95 of {len(times)}", milliseconds(times, 0.95), MOST_MILLISECONDS),
        Count(f"{what}: ms of a page, median", milliseconds(times), MOST_MILLISECONDS),
        Count(f"{what}: processor ms of console and refresher for a page", spent, MOST_MILLISECONDS),
        Count(f"{what}: questions on the bus for a page", asked, MOST_QUESTIONS),
    ]


@contextmanager
def _console(installation: Installation) -> Iterator[tuple[Any, int]]:
    """Run a console beside the product and log in; yields what reads a page, and the console's process id."""
    layout = installation.layout
    places = Places(layout, Servers(installation.bootstrap, installation.mongo_uri))
    supervisor = Supervisor(layout.data, environment={}, tell=print)
    try:
        supervisor.start([one for one in services(places) if one.name == "console"])
        supervisor.wait_until_ready()
        with requests.Session() as browser:
            browser.trust_env = False
            base = layout.url("console")
            typed = {"name": CONSOLE_USER, "password": layout.console_password.read_text().strip()}
            browser.post(f"{base}/login", typed, headers={"Origin": base}, timeout=20).raise_for_status()
            pid = supervisor.child("console").pid
            assert pid is not None
            yield (lambda address: _read(browser, f"{base}/{address}")), pid
    finally:
        supervisor.stop()


def _read(browser: requests.Session, url: str) -> str:
    answer = browser.get(url, timeout=20)
    answer.raise_for_status()
    return answer.text


def _timed(page: Any, address: str) -> float:
    start = time.perf_counter()
    page(address)
    return time.perf_counter() - start


def _total(page: str) -> int:
    """How many tokens the page says there are."""
    return int(page.partition('class="gk-summary"')[2].partition("<span>")[2].partition(" ")[0] or 0)
