"""A real browser before the console: for what no response text can show. One Chromium for the tests of a file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from tests.conftest import part_missing
from tests.console_pages import Pages, chromium, chromium_path, make_users, served
from tests.console_walk import fill

TIMEOUT = 15_000
"""Milliseconds for one step: machines of tests are busy."""


@pytest.fixture(scope="module")
def users_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Who may log in."""
    return make_users(tmp_path_factory.mktemp("users"))


@pytest_asyncio.fixture(loop_scope="module")
async def pages(users_file: Path) -> AsyncIterator[Pages]:
    """The console around an answering bus, with something to show."""
    async with served(users_file) as running:
        fill(running.bus, running.board, running.kafka)
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(request: pytest.FixtureRequest) -> AsyncIterator[Browser]:
    """Chromium, without the network."""
    if chromium_path() is None:
        part_missing(request.config, "Chromium: apt-get install chromium")
    async with chromium() as running:
        yield running


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained about: scripts, styles and addresses that the policy forbids, and errors."""
    return []


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser, complaints: list[str]) -> AsyncIterator[BrowserContext]:
    """A browser that nobody has used."""
    context = await browser.new_context(locale="en", viewport={"width": 1280, "height": 900})
    context.set_default_timeout(TIMEOUT)
    context.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def anna(pages: Pages, context: BrowserContext) -> Page:
    """The overview before an admin."""
    return await pages.enter(context)
