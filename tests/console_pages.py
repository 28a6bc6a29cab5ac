"""The console served to a real browser, around an answering bus: for screenshots and for what only a browser shows."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from pydantic import SecretStr

from devstack.ports import free_ports
from grantkeeper.crypto.ring import VaultRing
from grantkeeper.process.clock import Clock
from services.console.app import build_app
from services.console.board import Board
from services.console.live import Live
from services.console.server import WebServer
from services.console.settings import ConsoleSettings
from services.console.users import add
from tests.clock import FakeClock
from tests.console_double import AnsweringBus
from tests.console_samples import NOW, installation

CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "correct horse battery"


def chromium_path() -> str | None:
    """Where the distribution's Chromium is."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The distribution's Chromium: Playwright's own builds cannot be had from a package."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@dataclass(frozen=True)
class Pages:
    """A console that is being served."""

    url: str
    bus: AnsweringBus
    board: Board
    live: Live
    ring: VaultRing

    async def log_in(self, context: BrowserContext, name: str = "anna") -> Page:
        """Open a page and log in by its form."""
        page = await context.new_page()
        await page.goto(f"{self.url}/login")
        await page.fill("#name", name)
        await page.fill("#password", PASSWORD)
        await page.click("main button")
        await page.wait_for_url("**/tokens")
        return page


@asynccontextmanager
async def served(folder: Path, clock: Clock | None = None) -> AsyncIterator[Pages]:
    """Serve the console on a free port, with an admin anna and a viewer vera."""
    users_file = folder / "users"
    for name in ("anna", "vera"):
        add(users_file, name, "admin" if name == "anna" else "viewer", SecretStr(PASSWORD))
    port = free_ports(1)[0]
    settings = ConsoleSettings.model_validate(
        {
            "kafka": {"bootstrap_servers": "127.0.0.1:1"},
            "public_url": f"http://127.0.0.1:{port}",
            "credential_file": "/nowhere",
            "users_file": users_file,
            "session_key": "k" * 48,
            "web": {"port": port},
        }
    )
    used = clock or FakeClock(NOW)
    pages = Pages(settings.origin, AnsweringBus(), Board(), Live(used), installation())
    pages.board.complete = True
    app = build_app(
        settings, pages.ring.installation_public_jwk(), pages.bus, board=pages.board, live=pages.live, clock=used
    )
    server = WebServer(settings.web, app, pages.live.close)
    await server.start()
    try:
        yield pages
    finally:
        await server.stop()
