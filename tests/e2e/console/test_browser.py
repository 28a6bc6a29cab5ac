"""What only a browser shows: scripts, styles, live parts, narrow screens, and names that must stay names."""

import json
import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser, BrowserContext, FilePayload, Page, expect

from grantkeeper_client import dump_credential, parse_credential, seal_for_principal
from schemas.config_commands import ConfigCreate, ConfigExport, ConfigImport, PrincipalList
from schemas.config_results import ExportPage
from schemas.envelope import Message
from schemas.token_requests import CredentialIssue, CredentialIssued, TokenList
from tests.console_app import credential_of
from tests.console_double import refusal
from tests.console_pages import Pages
from tests.console_samples import config_id, fleet, page, saved, status
from tests.e2e.walking import walk
from tests.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("language", ["en", "de"])
async def test_every_page_keeps_the_policy_and_fits_a_telephone(
    pages: Pages, context: BrowserContext, complaints: list[str], language: str
) -> None:
    await context.add_cookies([{"name": "language", "value": language, "url": pages.url}])
    async for stop, shown in walk(pages, context):
        await shown.set_viewport_size({"width": 360, "height": 740})
        await expect(shown.locator("main")).to_be_visible()
        assert await overflow(shown) <= 0, stop.name
        refused = [one for one in complaints if "status of" not in one]
        assert refused == [], stop.name


async def test_scripts_are_there_and_the_policy_stops_foreign_ones(pages: Pages, anna: Page) -> None:
    assert await anna.evaluate("typeof htmx") == "object"
    ran = await anna.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1'; "
        "document.body.append(s); return window.ran === 1 }"
    )
    assert not ran


FOCUSED = """() => {
  const at = document.activeElement, style = getComputedStyle(at);
  const name = at.id || at.name || at.className.split(" ").pop() || at.tagName;
  return [name, `${style.outlineStyle} ${style.outlineWidth}`];
}"""
"""What has the focus, and what shows it."""
HOSTILE = "<img src=x onerror='document.title=1'><script>document.title=2</script>\u202etxt.exe" + "W" * 170


async def test_a_hostile_name_runs_nothing_and_breaks_no_page(pages: Pages, anna: Page, complaints: list[str]) -> None:
    pages.bus.answers[TokenList] = page([status(1, name=HOSTILE), *fleet()[1:]])
    for one in list(pages.board.open()):
        pages.board.put(one.model_copy(update={"name": HOSTILE, "text": HOSTILE, "sequence": 9}))
    for width in (1280, 390):
        await anna.set_viewport_size({"width": width, "height": 900})
        for path in ("/tokens", "/notifications"):
            await anna.goto(pages.url + path)
            assert "Grantkeeper" in await anna.title()
            assert await anna.locator("main img, main script").count() == 0
            assert await overflow(anna) <= 0, (path, width)
    assert complaints == []


async def overflow(shown: Page) -> int:
    """Pixels by which a page is wider than its window."""
    wider: int = await shown.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wider


async def test_an_open_page_follows_what_happens(pages: Pages, anna: Page) -> None:
    await expect(anna.locator(f"#row-{config_id(2)} .gk-chip")).to_have_text("Retrying")
    rows = fleet()
    rows[1] = rows[1].model_copy(update={"state": "active", "last_error": None})
    pages.bus.answers[TokenList] = page(rows)
    await anna.fill("#search", "typed meanwhile")
    pages.live.changed("tokens")
    await expect(anna.locator(f"#row-{config_id(2)} .gk-chip")).to_have_text("Active")
    await expect(anna.locator("#search")).to_have_value("typed meanwhile")


async def test_the_bar_follows_too(pages: Pages, anna: Page) -> None:
    await expect(anna.locator(".gk-notice").first).to_contain_text("Orders")
    first = pages.board.open()[0]
    pages.board.put(first.model_copy(update={"state": "resolved", "sequence": 2}))
    pages.live.changed("notifications")
    await expect(anna.locator(".gk-notice").first).to_contain_text("Contoso")
    await expect(anna.locator("#waiting")).to_have_text("4")


async def test_the_filter_narrows_the_list_as_one_types(pages: Pages, anna: Page) -> None:
    await anna.locator("#search").press_sequentially("ord")
    await expect(anna).to_have_url(re.compile(r"search=ord"))
    assert pages.bus.last(TokenList).search == "ord"
    await anna.select_option("select[name=state]", "active")
    await expect(anna).to_have_url(re.compile(r"state=active"))
    assert pages.bus.last(TokenList).states == ("active",)
    asked = len(pages.bus.asked)

    def asks_again() -> bool:
        # Again and again, as in a living fleet: htmx hears nothing in the moment in which it exchanges the list.
        pages.live.changed("tokens")
        return len(pages.bus.asked) > asked

    await wait_until(asks_again)
    assert pages.bus.last(TokenList).states == ("active",), "the live part keeps the filter"
    assert pages.bus.last(TokenList).search == "ord"


async def test_the_redirect_uri_is_copied(pages: Pages, context: BrowserContext, anna: Page) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    await anna.goto(f"{pages.url}/tokens/new?template=google-mail")
    await anna.click("[data-copy=redirect-uri]")
    await expect(anna.locator("[data-copy=redirect-uri]")).to_have_text("Copied")
    assert await anna.evaluate("navigator.clipboard.readText()") == f"{pages.url}/oauth2/callback/google-mail"


async def test_adding_works_without_scripts(pages: Pages, browser: Browser) -> None:
    context = await browser.new_context(java_script_enabled=False, locale="en")
    shown = await pages.log_in(context)
    pages.bus.answers[ConfigCreate] = refusal("name_taken")
    await shown.click("text=Add token")
    await shown.click("main a:has-text('Google Mail')")
    assert not await shown.locator("[data-copy]").is_visible()
    await shown.fill("#field-name", "Sales")
    await shown.fill("#field-client_id", "client-1")
    await shown.fill("#field-client_secret", "canary-secret")
    await shown.click("button[value=save]")
    assert await shown.input_value("#field-name") == "Sales"
    assert "canary-secret" not in await shown.content()
    pages.bus.answers[ConfigCreate] = saved(3)
    await shown.fill("#field-name", "Sales 2")
    await shown.click("button[value=save]")
    await expect(shown.locator(".alert-success")).to_have_text("Added.")
    await context.close()


async def test_the_chosen_file_stays_between_preview_and_import(pages: Pages, anna: Page) -> None:
    await anna.goto(f"{pages.url}/transfer")
    await anna.set_input_files(
        "#file", FilePayload(name="e.yml", mimeType="text/yaml", buffer=b"- Name: A\n- Name: B\n")
    )
    await anna.click("text=Preview")
    await anna.click("text=Import 2")
    await expect(anna.locator("#report h2")).to_have_text("Imported")
    assert not pages.bus.last(ConfigImport).dry_run


async def test_the_colours_follow_the_system_and_the_person(pages: Pages, anna: Page) -> None:
    await anna.emulate_media(color_scheme="dark")
    await expect(anna.locator("html")).to_have_attribute("data-bs-theme", "dark")
    await anna.goto(f"{pages.url}/preferences")
    await anna.select_option("#theme", "light")
    await anna.click("main button")
    await expect(anna.locator("html")).to_have_attribute("data-bs-theme", "light")


async def test_a_form_of_another_site_changes_nothing(
    pages: Pages, anna: Page, context: BrowserContext, tmp_path: Path
) -> None:
    asked = len(pages.bus.asked)
    evil = tmp_path / "evil.html"
    evil.write_text(
        f'<form method="post" action="{pages.url}/tokens/{config_id(1)}/delete"><button>Win</button></form>'
    )
    other = await context.new_page()
    await other.goto(evil.as_uri())
    await other.click("button")
    await expect(other.locator("main")).to_contain_text("from another web site")
    assert len(pages.bus.asked) == asked


async def test_the_keyboard_reaches_the_content_first(pages: Pages, anna: Page) -> None:
    await anna.goto(f"{pages.url}/tokens")
    await anna.keyboard.press("Tab")
    await expect(anna.locator(".gk-skip")).to_be_focused()
    await expect(anna.locator(".gk-skip")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_keyboard_reaches_every_control_and_shows_where_it_is(
    pages: Pages, anna: Page, scheme: Literal["light", "dark"]
) -> None:
    await anna.emulate_media(color_scheme=scheme)
    await anna.goto(f"{pages.url}/mail-modules/new")
    controls = await anna.locator("a[href], button, input:not([type=hidden]), select, textarea").count()
    reached = []
    for _ in range(controls + 2):
        await anna.keyboard.press("Tab")
        reached.append(await anna.evaluate(FOCUSED))
    assert {"gk-skip", "principal", "role", "description", "tokens"} <= {name for name, _ in reached}
    assert {outline for name, outline in reached if name != "BODY"} == {"solid 3px"}


async def test_a_page_comes_back_by_itself_when_the_bus_does(pages: Pages, anna: Page) -> None:
    answer = pages.bus.answers.pop(PrincipalList)
    await anna.goto(f"{pages.url}/mail-modules")
    await expect(anna.locator("main")).to_contain_text("No service answers at the moment")
    pages.bus.answers[PrincipalList] = answer
    await expect(anna.locator("main")).to_contain_text("mail-2", timeout=15_000)


async def test_a_credential_is_downloaded_once_and_shown_nowhere(pages: Pages, anna: Page) -> None:
    def issue(message: Message) -> CredentialIssued:
        text = dump_credential(credential_of(pages.ring, "mail-1"))
        bound = {"principal": "mail-1", "version": "1"}
        sealed = seal_for_principal(credential_of(pages.ring).sealing_key, text, bound=bound)
        return CredentialIssued(principal="mail-1", version=1, credential=sealed)

    pages.bus.answers[CredentialIssue] = issue
    await anna.goto(f"{pages.url}/mail-modules/mail-1/renew")
    await anna.click("main form button")
    async with anna.expect_download() as started:
        await anna.click("text=Download credential file")
    download = await started.value
    assert download.suggested_filename == "mail-1.credential.json"
    credential = parse_credential((await download.path()).read_text())
    assert credential.principal == "mail-1"
    assert json.loads(dump_credential(credential))["signing_key"] not in await anna.content()
    await anna.click("text=Download credential file")
    await expect(anna.locator("main")).to_contain_text("downloaded already")


async def test_selected_tokens_are_exported_also_after_the_list_was_drawn_anew(pages: Pages, anna: Page) -> None:
    pages.bus.answers[ConfigExport] = ExportPage(records=("Name: Orders\n",))
    await anna.check(f"#pick-{config_id(3)}")
    rows = fleet()
    rows[1] = rows[1].model_copy(update={"state": "active", "last_error": None})
    pages.bus.answers[TokenList] = page(rows)
    pages.live.changed("tokens")
    await expect(anna.locator(f"#row-{config_id(2)} .gk-chip")).to_have_text("Active")
    async with anna.expect_download() as started:
        await anna.click("text=Export selected")
    assert (await started.value).suggested_filename.startswith("OAuth2TokenConfigurationExport_")
    assert pages.bus.last(ConfigExport).configs == (config_id(3),)


async def test_what_was_typed_outlives_the_session(pages: Pages, anna: Page, context: BrowserContext) -> None:
    pages.bus.answers[ConfigCreate] = saved(3)
    await anna.goto(f"{pages.url}/tokens/new?template=google-mail")
    await anna.fill("#field-name", "Typed for long")
    await anna.fill("#field-client_id", "client-1")
    await anna.fill("#field-client_secret", "canary-secret")
    await context.clear_cookies()
    await anna.click("button[value=save]")
    await expect(anna.locator("main")).to_contain_text("Your session ended while you typed.")
    await pages.log_in(context)
    await anna.reload()
    await expect(anna.locator(".alert-success")).to_have_text("Added.")
    assert pages.bus.last(ConfigCreate).fields.name == "Typed for long"
