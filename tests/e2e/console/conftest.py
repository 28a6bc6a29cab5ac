"""A real browser before the console: for what no response text can show."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page

from tests.conftest import part_missing
from tests.console_pages import Pages, chromium, chromium_path, served
from tests.console_samples import notifications
from tests.e2e.screenshots import fill


@pytest.fixture
async def pages(tmp_path: Path) -> AsyncIterator[Pages]:
    """The console around an answering bus, with something to show."""
    async with served(tmp_path) as running:
        fill(running)
        assert notifications()
        yield running


@pytest.fixture
async def browser(request: pytest.FixtureRequest) -> AsyncIterator[Browser]:
    """Chromium, without the network."""
    if chromium_path() is None:
        part_missing(request.config, "Chromium: apt-get install chromium")
    async with chromium() as running:
        yield running


@pytest.fixture
async def complaints() -> list[str]:
    """What the browser complained about: scripts, styles and addresses that the policy forbids, and errors."""
    return []


@pytest.fixture
async def context(browser: Browser, complaints: list[str]) -> AsyncIterator[BrowserContext]:
    """A browser that nobody has used."""
    context = await browser.new_context(locale="en", viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    context.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    yield context
    await context.close()


@pytest.fixture
async def admin(pages: Pages, context: BrowserContext) -> Page:
    """Anna's page."""
    return await pages.log_in(context)
