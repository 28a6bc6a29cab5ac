"""No page breaks WCAG 2.2 AA as far as a machine can tell: wide and narrow, light and dark."""

import json
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser

from tests.console_pages import Pages
from tests.e2e.console.test_browser import PATHS

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
async def test_no_page_keeps_anyone_out(
    pages: Pages, browser: Browser, scheme: Literal["light", "dark"], width: int
) -> None:
    # Axe is put into the page from outside, which the console's policy forbids to everybody.
    context = await browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, locale="en", bypass_csp=True
    )
    shown = await pages.enter(context)
    found = {}
    for path in (*PATHS, "/nowhere", "/login"):
        await shown.goto(pages.url + path)
        for details in await shown.locator("details").all():
            await details.evaluate("element => { element.open = true }")
        result = await Axe().run(shown, options=RULES)
        for one in result.response["violations"]:
            found[f"{path} {one['id']}"] = [node["html"][:200] for node in one["nodes"]][:3]
    await context.close()
    assert found == {}, json.dumps(found, indent=1)
