"""The console served to a real browser, around an answering bus: for screenshots and for what only a browser shows."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from pydantic import SecretStr
from starlette.responses import Response

from devstack.ports import free_ports
from grantkeeper.crypto.ring import VaultRing
from grantkeeper.process.clock import SYSTEM_CLOCK, Clock
from services.console.board import Board
from services.console.live import Live
from services.console.server import WebServer
from services.console.sessions import Sessions
from services.console.settings import ConsoleSettings
from services.console.users import Users, add
from tests.clock import FakeClock
from tests.console_app import Kafka, console_app
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


def make_users(folder: Path) -> Path:
    """Write a users file: an admin called anna, a viewer called vera."""
    path = folder / "users"
    for name in ("anna", "vera"):
        add(path, name, "admin" if name == "anna" else "viewer", SecretStr(PASSWORD))
    return path


@dataclass(frozen=True)
class Pages:
    """A console that is being served."""

    settings: ConsoleSettings
    bus: AnsweringBus
    board: Board
    live: Live
    ring: VaultRing
    clock: Clock
    kafka: Kafka = field(default_factory=Kafka)

    @property
    def url(self) -> str:
        """Where it is."""
        return self.settings.origin

    async def admit(self, context: BrowserContext, name: str = "anna") -> None:
        """Give a browser somebody's session: what a login leaves in it, without its half second."""
        users, answer = Users(self.settings.users_file), Response()
        user = users.get(name)
        assert user is not None
        Sessions(self.settings, users, self.clock).log_in(answer, user)
        cookie, _, value = answer.headers["set-cookie"].split(";")[0].partition("=")
        await context.add_cookies([{"name": cookie, "value": value, "url": self.url}])

    async def enter(self, context: BrowserContext, name: str = "anna") -> Page:
        """Open the overview with somebody's session."""
        await self.admit(context, name)
        page = await context.new_page()
        await page.goto(f"{self.url}/tokens")
        return page

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
async def served(users_file: Path) -> AsyncIterator[Pages]:
    """Serve the console on a free port."""
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
    clock = FakeClock(NOW)
    pages = Pages(settings, AnsweringBus(), Board(), Live(SYSTEM_CLOCK), installation(), clock)
    pages.board.complete = True
    app = console_app(
        settings, pages.ring, pages.bus, board=pages.board, live=pages.live, clock=clock, kafka=pages.kafka
    )
    server = WebServer(settings.web, app, pages.live.close)
    await server.start()
    try:
        yield pages
    finally:
        await server.stop()
