"""A person before the whole stack: real services, real Kafka and MongoDB, a real browser and the local provider."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from devstack.keys import CONSOLE_USER
from devstack.provider.control_client import ProviderControl
from devstack.provider.settings import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET
from tests.e2e.running_stack import RunningStack, running_stack

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

REALM = "strict"
PATIENCE = 20_000  # milliseconds: another process has to act first


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Everything that `make run` starts, in a folder of its own."""
    with running_stack(tmp_path_factory.mktemp("console")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def admin(stack: RunningStack, context: BrowserContext) -> Page:
    """The page of the user that the stack makes."""
    return await log_in(stack, context)


async def log_in(stack: RunningStack, context: BrowserContext) -> Page:
    shown = await context.new_page()
    await shown.goto(stack.layout.url("console"))
    await shown.fill("#name", CONSOLE_USER)
    await shown.fill("#password", stack.layout.console_password.read_text())
    await shown.click("main button")
    await shown.wait_for_url("**/tokens")
    return shown


async def fill_in(admin: Page, stack: RunningStack, name: str, mailbox: str, secret: str = DEMO_CLIENT_SECRET) -> None:
    """Choose the local provider and fill in what it needs."""
    await admin.goto(f"{stack.layout.url('console')}/tokens/new")
    await admin.click("main a:has-text('Local provider')")
    await admin.fill("#field-name", name)
    await admin.fill("#field-client_id", DEMO_CLIENT_ID)
    await admin.fill("#field-client_secret", secret)
    await admin.fill("#field-mailbox_login", mailbox)


async def log_in_at_provider(shown: Page, mailbox: str) -> None:
    """Be the mailbox's owner: log in, allow."""
    await shown.fill("#login", mailbox)
    await shown.fill("#password", "any password")
    await shown.click("button[value=allow]")
    await shown.click("button[value=allow]")


async def connect(admin: Page, stack: RunningStack, name: str, mailbox: str) -> str:
    """Add a token and log in; return the address of its page."""
    await fill_in(admin, stack, name, mailbox)
    await admin.click("button[value=request]")
    await expect(admin.locator("main")).to_contain_text(f"Log in as {mailbox}.")
    await admin.click("text=Continue")
    await log_in_at_provider(admin, mailbox)
    await expect(admin.locator("main")).to_contain_text(f"Connected as {mailbox}.")
    await admin.click("text=To the token")
    return admin.url


async def test_a_token_is_added_connected_watched_lost_told_and_cured(
    stack: RunningStack, admin: Page, complaints: list[str]
) -> None:
    provider = ProviderControl(stack.layout.url("provider"))
    place = await connect(admin, stack, "Orders", "orders@example.test")
    status = admin.locator("#status")
    await expect(status.locator(".gk-chip")).to_have_text("Active")
    await admin.click("text=Refresh now")
    await expect(admin.locator(".alert-success")).to_contain_text("Refreshed.")

    provider.revoke(REALM, login="orders@example.test")
    await admin.click("text=Refresh now")
    await admin.goto(place)
    await expect(status.locator(".gk-chip")).to_have_text("Log in again")
    await expect(status).to_contain_text("invalid_grant")
    notice = admin.locator(".gk-notice", has_text="OAuth2 refresh token for “Orders” has expired.")
    await expect(notice).to_be_visible(timeout=PATIENCE)

    await notice.locator("button").click()
    await admin.click("text=Continue")
    await log_in_at_provider(admin, "orders@example.test")
    await expect(admin.locator("main")).to_contain_text("Connected as orders@example.test.")
    await expect(notice).to_have_count(0, timeout=PATIENCE)
    assert [one for one in complaints if "409" not in one] == []


async def test_the_wrong_mailbox_is_seen_and_may_be_kept(stack: RunningStack, admin: Page) -> None:
    await fill_in(admin, stack, "Wrong", "expected@example.test")
    await admin.click("button[value=request]")
    await admin.click("text=Continue")
    await log_in_at_provider(admin, "other@example.test")
    await expect(admin.locator("main")).to_contain_text("You logged in as other@example.test, expected")
    await admin.click("main button:has-text('Keep')")
    await expect(admin.locator(".alert-success")).to_contain_text("Kept.")
    await expect(admin.locator("main")).not_to_contain_text("Wrong mailbox")


async def test_a_login_in_another_browser_is_finished_by_pasting(
    stack: RunningStack, admin: Page, browser: Browser
) -> None:
    await fill_in(admin, stack, "Pasted", "pasted@example.test")
    await admin.click("button[value=request]")
    link = await admin.input_value("#link")
    elsewhere = await browser.new_context()
    other = await elsewhere.new_page()
    await other.goto(link)
    await log_in_at_provider(other, "pasted@example.test")
    await expect(other.locator("main")).to_contain_text("paste it where it was started")
    address = await other.input_value("#address")
    await elsewhere.close()
    await admin.click("summary")
    await admin.fill("#url", address)
    await admin.click("text=Finish")
    await expect(admin.locator("main")).to_contain_text("Connected as pasted@example.test.")


async def test_a_declined_login_changes_nothing(stack: RunningStack, admin: Page) -> None:
    await fill_in(admin, stack, "Declined", "declined@example.test")
    await admin.click("button[value=request]")
    await admin.click("text=Continue")
    await admin.click("button[value=deny]")
    await expect(admin.locator("main")).to_contain_text("The login was declined at the provider.")


async def test_a_wrong_secret_is_told_and_the_new_one_cures_it(stack: RunningStack, admin: Page) -> None:
    await fill_in(admin, stack, "Secret", "secret@example.test", secret="canary-wrong-secret")
    await admin.click("button[value=request]")
    await admin.click("text=Continue")
    await log_in_at_provider(admin, "secret@example.test")
    await expect(admin.locator("main")).to_contain_text("invalid_client")
    await admin.click("text=To the token")
    await admin.click("text=Edit")
    await admin.fill("#field-client_secret", DEMO_CLIENT_SECRET)
    await admin.click("main button:has-text('Save')")
    await expect(admin.locator(".alert-success")).to_have_text("Saved.")
    await admin.locator("main button:has-text('Request new token')").first.click()
    await admin.click("text=Continue")
    await log_in_at_provider(admin, "secret@example.test")
    await expect(admin.locator("main")).to_contain_text("Connected as secret@example.test.")


async def test_two_admins_see_each_other(stack: RunningStack, admin: Page, browser: Browser) -> None:
    await fill_in(admin, stack, "Shared", "shared@example.test")
    await admin.click("button[value=save]")
    place = admin.url.split("?")[0]
    ben = await log_in(stack, await browser.new_context(locale="en"))
    await ben.goto(stack.layout.url("console") + "/tokens?search=Shared")
    await expect(ben.locator("#list")).to_contain_text("Not authorized")
    await ben.goto(f"{place}/edit")
    await admin.goto(f"{place}/edit")
    await admin.select_option("#field-validity", "invalid")
    await admin.click("main button:has-text('Save')")
    await expect(admin.locator(".alert-success")).to_have_text("Saved.")
    await ben.fill("#field-mailbox_login", "ben@example.test")
    await ben.click("main button:has-text('Save')")
    await expect(ben.locator("main")).to_contain_text("while you typed")
    await ben.click("text=Keep mine")
    await expect(ben.locator(".alert-success")).to_have_text("Saved.")
    await admin.goto(f"{place}/history")
    await expect(admin.locator("main")).to_contain_text("Revision 3")


async def test_an_open_overview_follows_what_others_do(stack: RunningStack, admin: Page, browser: Browser) -> None:
    await fill_in(admin, stack, "Watched", "watched@example.test")
    await admin.click("button[value=save]")
    place = admin.url.split("?")[0]
    watcher = await log_in(stack, await browser.new_context(locale="en"))
    await watcher.goto(stack.layout.url("console") + "/tokens?search=Watched")
    await expect(watcher.locator("#list .gk-chip")).to_have_text("Not authorized")
    await admin.goto(f"{place}/delete")
    await admin.click("main button.btn-danger")
    await expect(admin.locator("main")).to_contain_text("This token is deleted")
    await expect(watcher.locator("#list")).to_contain_text("No token fits this filter.", timeout=PATIENCE)
    await admin.click("main button:has-text('Restore')")
    await expect(admin.locator(".alert-success")).to_have_text("Restored.")
    await expect(watcher.locator("#list .gk-chip")).to_have_text("Not authorized", timeout=PATIENCE)


async def test_what_was_exported_can_be_imported_with_a_preview(
    stack: RunningStack, admin: Page, tmp_path: Path
) -> None:
    await fill_in(admin, stack, "Original", "original@example.test")
    await admin.click("button[value=save]")
    await admin.goto(stack.layout.url("console") + "/transfer")
    async with admin.expect_download() as download:
        await admin.click("text=Export all")
    taken = await download.value
    assert re.fullmatch(r"OAuth2TokenConfigurationExport_\d{8}_\d{6}\.yml", taken.suggested_filename)
    await taken.save_as(tmp_path / "export.yml")
    text = (tmp_path / "export.yml").read_text()
    assert re.findall(r"ClientSecret: (?!sealed:)\S+", text) == []
    file = tmp_path / "import.yml"
    file.write_text(text.replace("Name: Original", "Name: Imported") + "- Name: Broken\n")
    await admin.set_input_files("#file", file)
    await admin.click("text=Preview")
    await expect(admin.locator("#report")).to_contain_text("Preview. Nothing is stored yet.")
    await expect(admin.locator("#report")).to_contain_text("refused 1")
    await admin.click("#report button")
    await expect(admin.locator("#report h2")).to_have_text("Imported")
    await admin.goto(stack.layout.url("console") + "/tokens?search=Imported")
    await expect(admin.locator("#list .gk-chip")).to_have_text("Not authorized", timeout=PATIENCE)


async def test_a_name_that_exists_leads_to_the_one_that_has_it(stack: RunningStack, admin: Page) -> None:
    for _ in range(2):
        await fill_in(admin, stack, "Twice", "twice@example.test")
        await admin.click("button[value=save]")
    await expect(admin.locator("main")).to_contain_text("This name exists already.")
    await admin.click("text=Open it")
    await expect(admin.locator("h1")).to_have_text("Twice")
