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
SAVE = "main form > .gk-buttons .btn-primary"


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


async def test_the_whole_story_of_a_token(
    stack: RunningStack, admin: Page, tmp_path: Path, complaints: list[str]
) -> None:
    """Added, connected, refreshed before one's eyes, broken at the provider, told, cured from the bar, moved."""
    provider = ProviderControl(stack.layout.url("provider"))
    place = await connect(admin, stack, "Orders", "orders@example.test")
    status = admin.locator("#status")
    await expect(status.locator(".gk-chip")).to_have_text("Active")
    refreshed = status.locator("dt:text-is('Last refresh') + dd time")
    before = await refreshed.get_attribute("datetime")
    other = await admin.context.new_page()
    await other.goto(place)
    await other.click("text=Refresh now")
    await expect(other.locator(".alert-success")).to_contain_text("Refreshed.")
    await other.close()
    await expect(refreshed).not_to_have_attribute("datetime", str(before), timeout=PATIENCE)

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
    await admin.goto(f"{place}/history")
    await expect(admin.locator("#attempts")).to_contain_text("login needed")

    await move(admin, stack, tmp_path)
    assert [one for one in complaints if "409" not in one] == []


async def move(admin: Page, stack: RunningStack, folder: Path) -> None:
    """Export one token, and import it under another name."""
    await admin.goto(stack.layout.url("console") + "/tokens?search=Orders")
    await admin.check("[aria-label='Select Orders']")
    async with admin.expect_download() as download:
        await admin.click("text=Export selected")
    await (await download.value).save_as(folder / "orders.yml")
    text = (folder / "orders.yml").read_text()
    assert text.count("Name: Orders") == 1
    (folder / "moved.yml").write_text(text.replace("Name: Orders", "Name: Moved orders"))
    await admin.goto(stack.layout.url("console") + "/transfer")
    await admin.set_input_files("#file", folder / "moved.yml")
    await admin.click("text=Preview")
    await admin.click("#report button")
    await expect(admin.locator("#report h2")).to_have_text("Imported")
    await admin.goto(stack.layout.url("console") + "/tokens?search=Moved")
    await expect(admin.locator("#list .gk-chip")).to_have_text("Not authorized", timeout=PATIENCE)


async def test_an_answer_that_was_forged_or_came_before_changes_nothing(stack: RunningStack, admin: Page) -> None:
    await fill_in(admin, stack, "Guarded", "guarded@example.test")
    await admin.click("button[value=request]")
    await admin.click("text=Continue")
    returned: list[str] = []
    admin.on("framenavigated", lambda frame: returned.append(frame.url) if "/oauth2/callback/" in frame.url else None)
    await log_in_at_provider(admin, "guarded@example.test")
    await expect(admin.locator("main")).to_contain_text("Connected as guarded@example.test.")
    place = await admin.get_attribute("text=To the token", "href")
    at = await generation(admin, stack, str(place))
    await admin.goto(returned[-1])
    await expect(admin.locator("main")).to_contain_text("Connected as guarded@example.test.")
    forged = re.sub(r"state=[^&]+", "state=" + "f" * 43, returned[-1])
    await admin.goto(forged)
    await expect(admin.locator("main")).to_contain_text("started in another browser")
    await admin.goto(f"{stack.layout.url('console')}{place}/authorize")
    await admin.click("main button")
    await admin.click("summary")
    await admin.fill("#url", forged)
    await admin.click("text=Finish")
    await expect(admin.locator("main")).to_contain_text("This login is not known")
    assert await generation(admin, stack, str(place)) == at


async def generation(admin: Page, stack: RunningStack, place: str) -> str:
    """When the grant was made and refreshed last: what a login that was taken would change."""
    await admin.goto(stack.layout.url("console") + place)
    return " ".join(await admin.locator("#status dt:text-is('Last login') + dd").all_inner_texts())


async def test_a_login_by_code_is_noticed_by_the_open_page(stack: RunningStack, admin: Page, browser: Browser) -> None:
    await fill_in(admin, stack, "By code", "code@example.test")
    await admin.click("button[value=save]")
    await admin.click("text=Log in by code")
    await admin.click("form[action$=device] button")
    await expect(admin.locator("main")).to_contain_text("type this code", timeout=PATIENCE)
    address = await admin.get_attribute("main a[target=_blank]", "href")
    elsewhere = await browser.new_context()
    other = await elsewhere.new_page()
    await other.goto(str(address))
    assert await other.input_value("[name=user_code]") == await admin.inner_text(".gk-user-code")
    await other.fill("[name=login]", "code@example.test")
    await other.fill("[name=password]", "any password")
    await other.click("[value=allow]")
    await expect(admin.locator("#outcome")).to_contain_text("Connected as code@example.test.", timeout=PATIENCE)
    await elsewhere.close()


async def test_the_text_itself_is_edited_with_its_comments_and_its_errors(stack: RunningStack, admin: Page) -> None:
    await fill_in(admin, stack, "Text", "text@example.test")
    await admin.click("button[value=save]")
    place = admin.url.split("?")[0]
    await admin.click("text=YAML")
    text = await admin.input_value("#text")
    await admin.fill("#text", text + "Name: Text\n")
    await admin.click(SAVE)
    line = len(text.splitlines()) + 1
    await expect(admin.locator(".gk-errors")).to_contain_text(f"line {line}, column 1")
    await admin.click(".gk-errors a")
    assert await admin.evaluate("document.activeElement.id") == "text"
    chosen = await admin.evaluate("text.value.slice(text.selectionStart, text.selectionEnd)")
    assert chosen == "Name: Text"
    commented = "# why: by hand\n" + re.sub(r"ClientSecret: sealed:\S+", f"ClientSecret: {DEMO_CLIENT_SECRET}", text)
    await admin.fill("#text", commented)
    await admin.click(SAVE)
    await expect(admin.locator(".gk-done")).to_have_text("Saved.")
    await admin.goto(f"{place}/yaml")
    kept = await admin.input_value("#text")
    assert kept.startswith("# why: by hand\n")
    assert f"ClientSecret: {DEMO_CLIENT_SECRET}" not in kept


async def test_switching_off_is_undone_from_the_sentence_that_tells_it(stack: RunningStack, admin: Page) -> None:
    await fill_in(admin, stack, "Switched", "switched@example.test")
    await admin.click("button[value=save]")
    await admin.click("text=Set validity")
    await admin.click("text=Set invalid-temporarily")
    await expect(admin.locator("#status .gk-chip")).to_have_text("Off", timeout=PATIENCE)
    await admin.click("text=Undo")
    await expect(admin.locator(".gk-done")).to_contain_text("Set valid.")
    await expect(admin.locator("#status .gk-chip")).to_have_text("Not authorized", timeout=PATIENCE)


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
    await admin.click(SAVE)
    await expect(admin.locator(".gk-done")).to_have_text("Saved.")
    await ben.fill("#field-mailbox_login", "ben@example.test")
    await ben.click(SAVE)
    await expect(ben.locator("main")).to_contain_text("while you typed")
    await ben.click("text=Keep mine")
    await expect(ben.locator(".gk-done")).to_have_text("Saved.")
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
