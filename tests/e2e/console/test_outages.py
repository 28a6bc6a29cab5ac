"""While nobody answers on the bus, pages say so and keep what was typed; when somebody does again, they go on."""

import pytest
from playwright.async_api import Page, expect

from schemas.config_commands import ConfigCreate, ConfigGet, TemplateList
from schemas.token_requests import TokenList, TokenStatusGet
from tests.console_pages import Pages
from tests.console_samples import config_id, saved
from tests.console_walk import TOKEN

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.asyncio(loop_scope="module")]
PATIENCE = 20_000  # milliseconds: a page asks again every 5 s


@pytest.mark.parametrize(
    ("path", "silent", "there"),
    [
        ("/tokens", (TokenList,), f"#row-{config_id(1)}"),
        (TOKEN, (ConfigGet, TokenStatusGet), "#status .gk-chip"),
        (f"{TOKEN}/edit", (ConfigGet,), "#field-name"),
        (f"{TOKEN}/yaml", (ConfigGet,), "#text"),
    ],
)
async def test_a_page_appears_by_itself_when_somebody_answers_again(
    pages: Pages, anna: Page, path: str, silent: tuple[type, ...], there: str
) -> None:
    kept = {one: pages.bus.answers.pop(one) for one in silent}
    await anna.goto(pages.url + path)
    await expect(anna.locator("main")).to_contain_text("No service answers at the moment")
    pages.bus.answers |= kept
    await expect(anna.locator(there)).to_be_visible(timeout=PATIENCE)
    await expect(anna.locator("main")).not_to_contain_text("No service answers")


async def test_an_open_list_says_that_nobody_answers_and_comes_back(pages: Pages, anna: Page) -> None:
    kept = pages.bus.answers.pop(TokenList)
    pages.live.changed("tokens")
    await expect(anna.locator("#list")).to_contain_text("No service answers at the moment", timeout=PATIENCE)
    pages.bus.answers[TokenList] = kept
    await expect(anna.locator(f"#row-{config_id(1)}")).to_be_visible(timeout=PATIENCE)


@pytest.mark.parametrize("silent", [(ConfigCreate,), (ConfigCreate, TemplateList)])
async def test_what_was_typed_outlives_an_outage(pages: Pages, anna: Page, silent: tuple[type, ...]) -> None:
    await anna.goto(f"{pages.url}/tokens/new?template=google-mail")
    kept = {one: pages.bus.answers.pop(one, None) for one in silent}
    await anna.fill("#field-name", "Typed before")
    await anna.fill("#field-client_id", "client-1")
    await anna.fill("#field-client_secret", "canary-secret")
    await anna.click("button[value=save]")
    await expect(anna.locator("main")).to_contain_text("What you typed is still here")
    assert "canary-secret" not in await anna.content()
    pages.bus.answers |= {one: answer for one, answer in kept.items() if answer} | {ConfigCreate: saved(3)}
    if TemplateList in silent:
        await anna.fill("#again", "canary-secret")
    await anna.click("main form button" if TemplateList in silent else "button[value=save]")
    await expect(anna.locator(".gk-done")).to_have_text("Added.")
    sent = pages.bus.last(ConfigCreate).fields
    assert (sent.name, sent.client_id) == ("Typed before", "client-1")
    assert sent.client_secret
