"""Pictures of the console's pages: `make screenshots`, or `python -m tests.e2e.screenshots FOLDER`.

Wide and narrow, light and dark, in Chromium; the data is made up, the pages are the real ones.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, FilePayload, Page

from schemas.config_commands import ConfigGet, ConfigHistory, ConfigImport, TemplateList
from schemas.token_requests import AuthorizationStart, TokenList, TokenStatusGet
from tests.console_pages import Pages, chromium, make_users, served
from tests.console_samples import (
    config_id,
    fleet,
    history,
    import_report,
    known,
    notifications,
    page,
    started,
    templates_of_all,
    view,
)

SIZES = {"wide": (1280, 900), "narrow": (390, 844)}
Scheme = Literal["light", "dark"]


def fill(pages: Pages) -> None:
    """Give every page something to show."""
    rows = fleet()
    pages.bus.answers = {
        TokenList: page(rows),
        ConfigGet: view(3, name="Orders"),
        TokenStatusGet: known(rows[2]),
        TemplateList: templates_of_all(),
        ConfigHistory: history(),
        AuthorizationStart: started(),
        ConfigImport: import_report,
    }
    for one in notifications():
        pages.board.put(one)


async def take(pages: Pages, browser: Browser, folder: Path, size: str, scheme: Scheme) -> None:
    """Walk through the pages and picture each."""
    width, height = SIZES[size]
    context = await browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, locale="en")
    shown = await context.new_page()
    await shown.goto(f"{pages.url}/login")
    await picture(shown, folder, "login", size, scheme)
    await shown.close()
    shown = await pages.log_in(context)
    token = f"/tokens/{config_id(3)}"
    for name, path in {
        "tokens": "/tokens",
        "token": token,
        "edit": f"{token}/edit",
        "history": f"{token}/history",
        "delete": f"{token}/delete",
        "template-choice": "/tokens/new",
        "add": "/tokens/new?template=google-mail",
        "notifications": "/notifications",
        "templates": "/templates",
        "preferences": "/preferences",
    }.items():
        await shown.goto(pages.url + path)
        await picture(shown, folder, name, size, scheme)
    await shown.goto(f"{pages.url}{token}/authorize")
    await shown.click("main button")
    await picture(shown, folder, "authorize", size, scheme)
    await preview_import(pages, shown)
    await picture(shown, folder, "import", size, scheme)
    await context.close()


async def preview_import(pages: Pages, shown: Page) -> None:
    """Choose a file and ask what it would do."""
    await shown.goto(f"{pages.url}/transfer")
    file: FilePayload = {
        "name": "export.yml",
        "mimeType": "application/yaml",
        "buffer": b"- Name: A\n- Name: B\n- Name: C\n- {Name: [\n",
    }
    await shown.set_input_files("#file", file)
    await shown.click("#import button")
    await shown.wait_for_selector("#report table")


async def picture(shown: Page, folder: Path, name: str, size: str, scheme: Scheme) -> None:
    """Save the whole page."""
    await shown.screenshot(path=folder / f"{name}-{size}-{scheme}.png", full_page=True)


async def main(folder: Path) -> None:
    """Take all pictures."""
    with tempfile.TemporaryDirectory() as scratch:
        async with served(make_users(Path(scratch))) as pages, chromium() as browser:
            fill(pages)
            for size in SIZES:
                for scheme in ("light", "dark"):
                    await take(pages, browser, folder, size, scheme)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "build/screenshots")
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(target))
