"""A client secret that was mistyped, and typed again: on a stack of its own, where no other token lends its secret."""

from collections.abc import Iterator

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect

from devstack.provider.settings import DEMO_CLIENT_SECRET
from tests.e2e.console.test_real_services import SAVE, fill_in, log_in, log_in_at_provider
from tests.e2e.running_stack import RunningStack, running_stack

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240),
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack whose client has no secret yet."""
    with running_stack(tmp_path_factory.mktemp("secret")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def admin(stack: RunningStack, context: BrowserContext) -> Page:
    """The overview, logged in."""
    return await log_in(stack, context)


async def test_a_wrong_secret_is_told_and_the_new_one_cures_it(stack: RunningStack, admin: Page) -> None:
    await fill_in(admin, stack, "Secret", "secret@example.test", secret="canary-wrong-secret")
    await admin.click("button[value=request]")
    await admin.click("text=Continue")
    await log_in_at_provider(admin, "secret@example.test")
    await expect(admin.locator("main")).to_contain_text("invalid_client")
    await admin.click("text=To the token")
    await admin.click(".gk-tabs >> text=Edit")
    await admin.click("text=Replace")
    await admin.fill("#field-client_secret", DEMO_CLIENT_SECRET)
    await admin.click(SAVE)
    await expect(admin.locator(".gk-done")).to_have_text("Saved.")
    await admin.locator("main button:has-text('Request new token')").first.click()
    await admin.click("text=Continue")
    await log_in_at_provider(admin, "secret@example.test")
    await expect(admin.locator("main")).to_contain_text("Connected as secret@example.test.")
