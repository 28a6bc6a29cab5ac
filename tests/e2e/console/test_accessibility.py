"""No page breaks WCAG 2.2 AA as far as a machine can tell, wide and narrow, in light and in dark."""

import json
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from tests.console_pages import Pages
from tests.e2e.walking import walk

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.long, pytest.mark.timeout(600)]
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
    found: dict[str, list[str]] = {}
    async for stop, shown in walk(pages, context):
        found |= {f"{stop.name}: {rule}": nodes for rule, nodes in (await violations(shown)).items()}
    await context.close()
    assert found == {}, json.dumps(found, indent=1)


async def violations(shown: Page) -> dict[str, list[str]]:
    """Rules that a page breaks, with what breaks them; folded parts are unfolded first."""
    for details in await shown.locator("details").all():
        await details.evaluate("element => { element.open = true }")
    result = await Axe().run(shown, options=RULES)
    return {one["id"]: [node["html"][:200] for node in one["nodes"]][:3] for one in result.response["violations"]}
