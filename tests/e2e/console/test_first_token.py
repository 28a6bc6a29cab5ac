"""The way of somebody who has never seen it: from an installation that keeps nothing to a token that works."""

from collections.abc import Iterator

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect

from devstack.provider.settings import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET
from tests.e2e.console.test_real_services import log_in, log_in_at_provider
from tests.e2e.running_stack import RunningStack, running_stack

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240),
]
MOST_CLICKS = 9
MOST_FIELDS = 4


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack of its own: nobody has added anything yet."""
    with running_stack(tmp_path_factory.mktemp("empty")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def admin(stack: RunningStack, context: BrowserContext) -> Page:
    """The overview, logged in."""
    return await log_in(stack, context)


class Hand:
    """A person at the console: every press and every field typed into is counted, the provider's own pages are not."""

    def __init__(self, shown: Page) -> None:
        self.shown = shown
        self.clicks = 0
        self.fields = 0

    async def click(self, selector: str) -> None:
        self.clicks += 1
        await self.shown.click(selector)

    async def type(self, selector: str, text: str) -> None:
        self.fields += 1
        await self.shown.fill(selector, text)


async def test_from_an_empty_console_to_an_active_token_by_few_clicks(admin: Page) -> None:
    hand = Hand(admin)
    await expect(admin.locator("main")).to_contain_text("One thing to do first.")
    await hand.click("text=Add the first token")
    await hand.click("main a:has-text('Local provider')")
    await hand.type("#field-name", "First")
    await hand.type("#field-mailbox_login", "first@example.test")
    await hand.type("#field-client_id", DEMO_CLIENT_ID)
    await hand.type("#field-client_secret", DEMO_CLIENT_SECRET)
    await hand.click("button[value=request]")
    await hand.click("text=Continue")
    await log_in_at_provider(admin, "first@example.test")
    await expect(admin.locator("main")).to_contain_text("Connected as first@example.test.")
    await expect(admin.locator("main .gk-chip")).to_have_text("Active")
    assert hand.clicks <= MOST_CLICKS
    assert hand.fields <= MOST_FIELDS
