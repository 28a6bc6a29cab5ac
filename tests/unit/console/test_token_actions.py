"""Validity, undo, login by code, attempts; and how often a page may ask the bus."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient, Response

from schemas.config_commands import (
    ConfigCreate,
    ConfigDelete,
    ConfigGet,
    ConfigHistory,
    ConfigSetValidity,
    ConfigUndelete,
    ConfigUpdate,
    TemplateList,
)
from schemas.token_requests import (
    AuthorizationComplete,
    AuthorizationCompleted,
    AuthorizationDevice,
    AuthorizationStart,
    Revoked,
    TokenList,
    TokenRefresh,
    TokenRevoke,
    TokenStatusGet,
)
from services.console.routes.device_logins import last_login
from tests.console_double import AnsweringBus, refusal
from tests.console_samples import (
    NOW,
    attempts,
    config,
    config_id,
    device_started,
    fleet,
    history,
    known,
    page,
    saved,
    started,
    status,
    template,
    templates,
    view,
)
from tests.unit.console.test_forms import EDITED, TYPED

TOKEN = f"/tokens/{config_id(1)}"
DEVICE = f"{TOKEN}/authorize/device"


async def test_before_it_is_switched_off_the_page_says_who_used_it(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers = {ConfigGet: view(), TokenStatusGet: known(fleet()[0])}
    text = (await admin.get(f"{TOKEN}/validity")).text
    assert "mail-1 (today)" in text
    assert f'action="{TOKEN}/validity/invalid"' in text
    assert f'action="{TOKEN}/validity/valid"' not in text, "it is valid"


async def test_a_validity_that_was_set_can_be_taken_back(admin: AsyncClient, bus: AnsweringBus) -> None:
    before = config(validity="invalid-temporarily")
    bus.answers = {ConfigGet: view(config=before), ConfigSetValidity: saved(), TokenStatusGet: known(status())}
    answer = await admin.post(f"{TOKEN}/validity/invalid", data={"revision": "3"})
    assert bus.last(ConfigSetValidity).validity == "invalid"
    text = (await admin.get(answer.headers["location"])).text
    assert "Set invalid. Mail modules get nothing" in text
    assert f'action="{TOKEN}/validity/invalid-temporarily?revision=4"><button class="btn btn-sm">Undo' in text
    assert "Undo" not in (await admin.get(TOKEN)).text, "offered once, beside its sentence"


async def test_what_changed_nothing_needs_no_undo(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers = {ConfigGet: view(), ConfigSetValidity: saved(revision=3), TokenStatusGet: known(status())}
    await admin.post(f"{TOKEN}/validity/valid", data={"revision": "3"})
    assert "Undo" not in (await admin.get(TOKEN)).text


async def test_a_validity_that_is_none_is_not_sent(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers = {ConfigGet: view()}
    assert (await admin.post(f"{TOKEN}/validity/perhaps", data={"revision": "3"})).status_code == 400
    assert not [one for one in bus.asked if isinstance(one, ConfigSetValidity)]


async def test_a_token_that_is_off_has_a_button_that_sets_it_valid(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[TokenList] = page([status(state="off", validity="invalid", next_refresh_at=None)])
    assert f'action="{TOKEN}/validity/valid"' in (await admin.get("/tokens")).text


async def test_a_delete_can_be_taken_back_from_the_sentence_that_tells_it(
    admin: AsyncClient, bus: AnsweringBus
) -> None:
    bus.answers = {ConfigDelete: saved(deleted=True), ConfigGet: view(), TokenStatusGet: known(status())}
    answer = await admin.post(f"{TOKEN}/delete", data={"revision": "3"})
    assert (
        f'action="{TOKEN}/undelete"><button class="btn btn-sm">Undo'
        in (await admin.get(answer.headers["location"])).text
    )


async def test_a_login_by_code_shows_code_and_address_and_finds_its_end(admin: AsyncClient, bus: AnsweringBus) -> None:
    found = status(generation=7)
    outcome = f"{DEVICE}?before={last_login(found)}"
    bus.answers = {TokenStatusGet: known(found), AuthorizationDevice: device_started()}
    text = (await admin.post(DEVICE)).text
    assert "WDJB-MJHT" in text
    assert 'href="https://idp.test/activate?user_code=WDJB-MJHT"' in text
    assert "Log in as orders@example.test." in text
    assert f'hx-get="{outcome}"' in text
    refreshed = status(generation=8, authorizing_until=NOW + timedelta(minutes=14))
    bus.answers[TokenStatusGet] = known(refreshed)
    text = (await admin.get(outcome)).text
    assert "Waiting for the login." in text, "the old grant lives on, and is refreshed"
    assert f'hx-get="{outcome}"' in text
    bus.answers[TokenStatusGet] = known(status(generation=9, authorized_at=NOW))
    text = (await admin.get(outcome)).text
    assert "Connected as support@example.test." in text
    assert "hx-trigger=&#34;every 5s" not in text
    bus.answers[TokenStatusGet] = known(fleet()[2])
    text = (await admin.get(outcome)).text
    assert "The login was not finished" in text
    assert "AADSTS700082" in text


@pytest.mark.parametrize("before", ["", '"><script>', "9" * 5000, "-1"])
async def test_nonsense_in_the_address_of_a_login_by_code_breaks_nothing(
    admin: AsyncClient, bus: AnsweringBus, before: str
) -> None:
    waiting = status(authorized_at=None, authorizing_until=NOW + timedelta(minutes=14))
    bus.answers = {TokenStatusGet: known(waiting)}
    answer = await admin.get(DEVICE, params={"before": before})
    assert (answer.status_code, '"><script>' in answer.text) == (200, False)


async def test_a_code_for_an_address_that_is_no_web_address_is_not_shown(admin: AsyncClient, bus: AnsweringBus) -> None:
    odd = device_started().model_copy(update={"verification_uri_complete": "javascript:alert(1)"})
    bus.answers = {TokenStatusGet: known(status()), AuthorizationDevice: odd}
    answer = await admin.post(DEVICE)
    assert answer.status_code == 409
    assert "javascript" not in answer.text


async def test_the_history_shows_the_last_attempts(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers = {ConfigHistory: history(), TokenStatusGet: known(status(attempts=attempts()))}
    text = (await admin.get(f"{TOKEN}/history")).text
    for words in ("2026-11-24 08:15:00 UTC", "login needed", "212 ms", "invalid_grant", "HTTP 400", "b6f1c0de-0000"):
        assert words in text
    del bus.answers[TokenStatusGet]
    text = (await admin.get(f"{TOKEN}/history")).text
    assert "does not answer" in text
    assert "Revision 2" in text


async def test_a_login_that_fails_after_saving_says_that_it_is_saved(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers = {TemplateList: templates(), ConfigCreate: saved(9), AuthorizationStart: refusal("client_fault")}
    answer = await admin.post("/tokens", data={**TYPED, "action": "request"})
    assert answer.status_code == 409
    assert "The token is saved." in answer.text
    assert f'href="/tokens/{config_id(9)}"' in answer.text
    del bus.answers[AuthorizationStart]
    answer = await admin.post("/tokens", data={**TYPED, "action": "request"})
    assert answer.status_code == 503
    assert "The token is saved." in answer.text


async def test_a_page_that_nobody_answers_asks_again_by_itself(admin: AsyncClient, bus: AnsweringBus) -> None:
    answer = await admin.get(f"{TOKEN}/edit")
    assert answer.status_code == 503
    assert f'hx-get="{TOKEN}/edit" hx-trigger="every 5s" hx-target="#content"' in answer.text
    again = await admin.get(f"{TOKEN}/edit", headers={"hx-request": "true"})
    assert "hx-refresh" not in again.headers, "a part is exchanged; the page is not loaded anew every time"
    assert (
        "hx-get" not in (await admin.post(f"{TOKEN}/refresh", data={"generation": "7"})).text.partition("<main")[2]
    ), "an act is not repeated"


SHOWN = {"generation": "7", "revision": "3"}
PROGRAM = config(auth_flow="ClientCredentials", requests={})
PAGES: Mapping[str, tuple[str, str, dict[str, str]]] = {
    "overview": ("GET", "/tokens", {}),
    "token": ("GET", TOKEN, {}),
    "history": ("GET", f"{TOKEN}/history", {}),
    "add": ("GET", "/tokens/new?template=google-mail", {}),
    "duplicate": ("GET", f"/tokens/new?copy_of={config_id(1)}", {}),
    "edit": ("GET", f"{TOKEN}/edit", {}),
    "YAML": ("GET", f"{TOKEN}/yaml", {}),
    "validity": ("GET", f"{TOKEN}/validity", {}),
    "revoke": ("GET", f"{TOKEN}/revoke", {}),
    "delete": ("GET", f"{TOKEN}/delete", {}),
    "request": ("GET", f"{TOKEN}/authorize", {}),
    "save new": ("POST", "/tokens", {**TYPED, "action": "save"}),
    "save new and request": ("POST", "/tokens", {**TYPED, "action": "request"}),
    "save": ("POST", TOKEN, {**EDITED, "name": "Other"}),
    "save YAML": ("POST", f"{TOKEN}/yaml", {"text": "Name: Support\n", "expected_revision": "3"}),
    "start": ("POST", f"{TOKEN}/authorize", {}),
    "start by code": ("POST", DEVICE, {}),
    "refresh": ("POST", f"{TOKEN}/refresh", SHOWN),
    "do revoke": ("POST", f"{TOKEN}/revoke", SHOWN),
    "set validity": ("POST", f"{TOKEN}/validity/invalid", SHOWN),
    "do delete": ("POST", f"{TOKEN}/delete", SHOWN),
    "undelete": ("POST", f"{TOKEN}/undelete", {}),
    "keep account": ("POST", f"{TOKEN}/keep-account", {}),
    "paste": ("POST", f"{TOKEN}/authorize/paste", {"url": "https://keeper.test/x?state=s&code=c"}),
}


def everything() -> dict[Any, Any]:
    return {
        TokenList: page(fleet()),
        ConfigGet: view(),
        TokenStatusGet: known(status()),
        TemplateList: templates(),
        ConfigHistory: history(),
        ConfigCreate: saved(9),
        ConfigUpdate: saved(),
        ConfigSetValidity: saved(),
        ConfigDelete: saved(),
        ConfigUndelete: saved(),
        AuthorizationStart: started(),
        AuthorizationDevice: device_started(),
        AuthorizationComplete: AuthorizationCompleted(status=status(), refresh_token_received=True),
        TokenRefresh: known(status()),
        TokenRevoke: Revoked(status=status(state="revoked"), at_provider="revoked"),
    }


async def asked_for(admin: AsyncClient, bus: AnsweringBus, name: str) -> tuple[Response, int]:
    method, path, typed = PAGES[name]
    answer = await admin.request(method, path, data=typed)
    assert answer.status_code in {200, 303}, answer.text
    return answer, len(bus.asked)


@pytest.mark.parametrize("name", PAGES)
async def test_a_page_asks_the_bus_at_most_three_times(admin: AsyncClient, bus: AnsweringBus, name: str) -> None:
    bus.answers = everything()
    _, asked = await asked_for(admin, bus, name)
    assert 1 <= asked <= 3


@pytest.mark.parametrize("name", ["save new and request", "start"])
async def test_so_does_one_of_a_program_that_logs_in_itself(admin: AsyncClient, bus: AnsweringBus, name: str) -> None:
    bus.answers = {**everything(), ConfigGet: view(config=PROGRAM), TemplateList: templates(template(config=PROGRAM))}
    answer, asked = await asked_for(admin, bus, name)
    assert asked <= 3
    assert answer.headers["location"].startswith("/tokens/")
    assert isinstance(bus.asked[-1], TokenRefresh)
