"""What admins and providers wrote is text on every page of a token: it runs nothing, turns nothing, widens nothing."""

from typing import Any

import pytest
from playwright.async_api import Page

from schemas.config_commands import ConfigGet, ConfigHistory
from schemas.token_requests import AuthorizationComplete, AuthorizationCompleted, TokenList, TokenStatusGet
from tests.console_double import refusal
from tests.console_pages import Pages
from tests.console_samples import UNUSED, attempts, config, config_id, history, known, page, status, view
from tests.console_walk import PASTED, TOKEN, Stop, fill
from tests.e2e.console.test_browser import HOSTILE, overflow
from tests.e2e.walking import do

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
STOPS = (
    *(
        Stop(path, path)
        for path in (
            "/tokens",
            TOKEN,
            *(f"{TOKEN}/{one}" for one in ("edit", "yaml", "history", "validity", "revoke", "delete", "authorize")),
            f"{TOKEN}/authorize/device?before=",
            f"/tokens/new?copy_of={config_id(3)}",
        )
    ),
    Stop("declined", f"{TOKEN}/authorize", PASTED),
)
TURNED = """() => {
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT), found = [];
  while (walker.nextNode()) {
    const node = walker.currentNode, inside = node.parentElement;
    if (!node.data.includes("\\u202e") || inside.closest("bdi, textarea, ins, del, .gk-difference > span")) continue;
    found.push(inside.outerHTML.slice(0, 200));
  }
  return found;
}"""
"""Texts that change the direction of what stands around them: not set apart by an element of their own."""


def hostile(pages: Pages) -> None:
    """Write it wherever somebody else can write."""
    fill(pages.bus, pages.board, pages.kafka, name=HOSTILE)
    error = status(3, **_broken())
    written = config(name=HOSTILE, client_id=HOSTILE, scope=HOSTILE, template=HOSTILE)
    seen = view(3, config=written, changed_by=HOSTILE, former_names=(HOSTILE,), text=f"Name: {HOSTILE}\n# {HOSTILE}\n")
    entries = [
        one.model_copy(update={"actor": HOSTILE, "changed": (HOSTILE,), "difference": (f"-{HOSTILE}", f"+{HOSTILE}")})
        for one in history().entries
    ]
    pages.bus.answers |= {
        TokenList: page([error]),
        TokenStatusGet: known(error),
        ConfigGet: seen,
        ConfigHistory: history().model_copy(update={"name": HOSTILE, "entries": tuple(entries)}),
        AuthorizationComplete: refusal("authorization_failed", HOSTILE),
    }


def _broken() -> dict[str, Any]:
    said = {"code": HOSTILE, "correlation_id": HOSTILE}
    account = {"account": HOSTILE, "mailbox_login": HOSTILE, "wrong_account": True, "scope": HOSTILE}
    return {
        "name": HOSTILE,
        "template": HOSTILE,
        **account,
        "attempts": tuple(one.model_copy(update=said) for one in attempts()),
        "last_error": UNUSED.model_copy(update={**said, "text": HOSTILE}),
    }


@pytest.mark.parametrize("width", [1280, 360])
async def test_it_stays_text_on_every_page_of_a_token(
    pages: Pages, anna: Page, complaints: list[str], width: int
) -> None:
    await anna.set_viewport_size({"width": width, "height": 900})
    turned, wide = {}, {}
    for stop in STOPS:
        hostile(pages)
        await anna.goto(pages.url + stop.path)
        for step in stop.steps:
            await do(anna, step)
        assert "Grantkeeper" in await anna.title(), stop.name
        assert await anna.locator("main img, main script, main [onerror]").count() == 0, stop.name
        turned[stop.name] = await anna.evaluate(TURNED)
        wide[stop.name] = await overflow(anna)
    assert {name: found for name, found in turned.items() if found} == {}
    assert {name: pixels for name, pixels in wide.items() if pixels > 0} == {}
    assert [one for one in complaints if "status of" not in one] == []


async def test_a_login_that_worked_shows_the_account_as_text(pages: Pages, anna: Page) -> None:
    hostile(pages)
    done = status(3, **{**_broken(), "wrong_account": False, "last_error": None})
    pages.bus.answers[AuthorizationComplete] = AuthorizationCompleted(
        status=done, refresh_token_received=True, account=HOSTILE, notes=(HOSTILE,)
    )
    await anna.goto(f"{pages.url}{TOKEN}/authorize")
    for step in PASTED:
        await do(anna, step)
    assert await anna.locator("main img, main script").count() == 0
    assert await anna.evaluate(TURNED) == []
