"""To the provider and back: only this browser, only this person, only this redirect URI, and nothing twice."""

from collections.abc import Callable
from hashlib import sha256
from urllib.parse import quote

import pytest
from httpx import AsyncClient, Response

from grantkeeper.crypto.ring import VaultRing
from grantkeeper_client import open_for_installation
from schemas.config_commands import ConfigGet
from schemas.token_requests import (
    AuthorizationComplete,
    AuthorizationCompleted,
    AuthorizationStart,
    TokenRefresh,
    TokenStatusGet,
)
from tests.clock import FakeClock
from tests.console_double import AnsweringBus, refusal
from tests.console_samples import config, config_id, known, started, status, view

LogIn = Callable[[str], AsyncClient]
TOKEN = f"/tokens/{config_id(3)}"
STATE = "s" * 43
BACK = f"/oauth2/callback/microsoft-exchange-online?code=canary-code&state={STATE}&iss=https%3A%2F%2Fissuer.test"


@pytest.fixture(autouse=True)
def answers(bus: AnsweringBus) -> None:
    bus.answers = {
        ConfigGet: view(3),
        AuthorizationStart: started(),
        AuthorizationComplete: AuthorizationCompleted(
            status=status(3, name="Orders", account="orders@example.test"), refresh_token_received=True
        ),
    }


def completed(bus: AnsweringBus) -> list[AuthorizationComplete]:
    return [one for one in bus.asked if isinstance(one, AuthorizationComplete)]


async def start(browser: AsyncClient) -> Response:
    answer = await browser.post(f"{TOKEN}/authorize")
    assert answer.status_code == 200
    return answer


async def test_the_page_says_where_it_goes_and_as_whom(admin: AsyncClient, bus: AnsweringBus) -> None:
    text = (await start(admin)).text
    assert "You go to login.microsoftonline.com." in text
    assert "Log in as orders@example.test." in text
    assert 'href="https://login.microsoftonline.com/common/oauth2/v2.0/authorize?client_id=client-1&amp;state=' in text
    assert bus.last(AuthorizationStart).min_revision == 3


async def test_the_browser_alone_knows_the_nonce(admin: AsyncClient, bus: AnsweringBus) -> None:
    text = (await start(admin)).text
    await admin.get(BACK)
    nonce = completed(bus)[0].nonce or ""
    assert sha256(nonce.encode()).hexdigest() == bus.last(AuthorizationStart).nonce_hash
    assert len(nonce) >= 43
    assert nonce not in text


async def test_the_code_goes_on_sealed_to_its_state(admin: AsyncClient, bus: AnsweringBus, ring: VaultRing) -> None:
    await start(admin)
    answer = await admin.get(BACK)
    sent = completed(bus)[0]
    assert (sent.config, sent.state, sent.iss) == (config_id(3), STATE, "https://issuer.test")
    bound = {"state_hash": sha256(STATE.encode()).hexdigest()}
    keys = ring.installation_private_jwks()
    assert open_for_installation(keys, sent.code or "", use="authorization_code", bound=bound) == "canary-code"
    assert "Connected as orders@example.test." in answer.text
    assert "Access token: 41 min left; refresh token received." in answer.text
    assert "canary-code" not in answer.text


async def test_loading_the_result_again_asks_for_the_same_outcome(admin: AsyncClient, bus: AnsweringBus) -> None:
    await start(admin)
    first, second = await admin.get(BACK), await admin.get(BACK)
    assert first.status_code == second.status_code == 200
    assert {one.nonce for one in completed(bus)} == {completed(bus)[0].nonce}


@pytest.mark.parametrize(
    "back",
    [
        f"/oauth2/callback/microsoft-exchange-online?code=c&state={'f' * 43}",
        "/oauth2/callback/microsoft-exchange-online?code=c",
        f"/oauth2/callback/microsoft-exchange-online?code=c&code=d&state={STATE}",
        f"/oauth2/callback/microsoft-exchange-online?code=c&state={STATE}&state={'f' * 43}",
        "/oauth2/callback/microsoft-exchange-online",
    ],
)
async def test_a_forged_or_doubled_answer_is_not_handed_in(admin: AsyncClient, bus: AnsweringBus, back: str) -> None:
    await start(admin)
    answer = await admin.get(back)
    assert answer.status_code == 400
    assert completed(bus) == []


async def test_another_browser_is_told_to_paste_the_address(
    admin: AsyncClient, stranger: AsyncClient, logged_in: LogIn, bus: AnsweringBus
) -> None:
    await start(admin)
    for browser in (stranger, logged_in("anna")):
        answer = await browser.get(BACK)
        assert answer.status_code == 400
        assert "Copy this address and paste it where it was started." in answer.text
        assert "http://127.0.0.1:8090" + BACK.replace("&", "&amp;") in answer.text
    assert completed(bus) == []


async def test_another_person_in_the_same_browser_cannot_finish_it(
    admin: AsyncClient, logged_in: LogIn, bus: AnsweringBus
) -> None:
    await start(admin)
    other = logged_in("vera")
    for cookie in admin.cookies.jar:
        if "authorization" in cookie.name:
            other.cookies.set(cookie.name, cookie.value or "", domain="127.0.0.1")
    assert (await other.get(BACK)).status_code == 400
    assert completed(bus) == []


async def test_an_answer_on_another_redirect_uri_is_not_taken(admin: AsyncClient, bus: AnsweringBus) -> None:
    await start(admin)
    answer = await admin.get(BACK.replace("microsoft-exchange-online", "evil-provider"))
    assert answer.status_code == 400
    assert "came back on another address" in answer.text
    assert completed(bus) == []


async def test_after_ten_minutes_the_browser_has_forgotten(
    admin: AsyncClient, bus: AnsweringBus, clock: FakeClock
) -> None:
    await start(admin)
    clock.advance(601)
    assert (await admin.get(BACK)).status_code == 400
    assert completed(bus) == []


async def test_two_logins_in_two_tabs_do_not_disturb_each_other(admin: AsyncClient, bus: AnsweringBus) -> None:
    await start(admin)
    second = started().model_copy(update={"url": started().url.replace(STATE, "t" * 43)})
    bus.answers[AuthorizationStart] = second
    await start(admin)
    assert (await admin.get(BACK)).status_code == 200
    assert (await admin.get(BACK.replace(STATE, "t" * 43))).status_code == 200
    assert len({one.nonce for one in completed(bus)}) == 2


async def test_a_session_that_ended_meanwhile_leads_through_the_login_back(admin: AsyncClient) -> None:
    await start(admin)
    admin.cookies.delete("grantkeeper-login", domain="127.0.0.1")
    answer = await admin.get(BACK)
    assert answer.headers["location"] == f"/login?next={quote(BACK, safe='')}"


async def test_a_declined_login_is_said_plainly(admin: AsyncClient, bus: AnsweringBus) -> None:
    await start(admin)
    bus.answers[AuthorizationComplete] = refusal("authorization_failed", "access_denied")
    answer = await admin.get(f"/oauth2/callback/microsoft-exchange-online?error=access_denied&state={STATE}")
    assert "The login was declined at the provider. Nothing has changed." in answer.text
    assert (completed(bus)[0].error, completed(bus)[0].code) == ("access_denied", None)


async def test_a_failed_login_says_why_and_starts_again(admin: AsyncClient, bus: AnsweringBus) -> None:
    await start(admin)
    bus.answers[AuthorizationComplete] = refusal("authorization_failed", "invalid_grant: the code was used")
    answer = await admin.get(BACK)
    assert "invalid_grant: the code was used" in answer.text
    assert f'action="{TOKEN}/authorize"' in answer.text


async def test_while_nobody_answers_the_same_address_can_be_loaded_again(admin: AsyncClient, bus: AnsweringBus) -> None:
    await start(admin)
    done = bus.answers.pop(AuthorizationComplete)
    assert (await admin.get(BACK)).status_code == 503
    bus.answers[AuthorizationComplete] = done
    assert "Connected as" in (await admin.get(BACK)).text


async def test_the_wrong_mailbox_is_said_with_both_ways_on(admin: AsyncClient, bus: AnsweringBus) -> None:
    wrong = status(3, account="anna@example.test", mailbox_login="orders@example.test", wrong_account=True)
    bus.answers[AuthorizationComplete] = AuthorizationCompleted(
        status=wrong, refresh_token_received=True, account="anna@example.test"
    )
    await start(admin)
    text = (await admin.get(BACK)).text
    assert "You logged in as anna@example.test, expected orders@example.test." in text
    assert f'action="{TOKEN}/keep-account"' in text
    assert f'action="{TOKEN}/authorize"' in text


async def test_notes_of_the_refresher_are_shown(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[AuthorizationComplete] = AuthorizationCompleted(
        status=status(3), refresh_token_received=True, notes=("Not granted: mail.send.",)
    )
    await start(admin)
    assert "Not granted: mail.send." in (await admin.get(BACK)).text


async def test_a_login_without_refresh_token_is_said_with_its_cure(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[AuthorizationComplete] = AuthorizationCompleted(
        status=status(3, has_refresh_token=False), refresh_token_received=False, notes=("The same in English.",)
    )
    await start(admin)
    text = (await admin.get(BACK)).text
    assert "cannot be renewed by itself" in text
    assert "Remove the app in the account&#39;s settings at the provider" in text
    assert "The same in English." not in text


async def test_a_pasted_address_goes_on_sealed_with_this_browsers_nonce(
    admin: AsyncClient, bus: AnsweringBus, ring: VaultRing
) -> None:
    await start(admin)
    address = f"http://127.0.0.1:8090{BACK}"
    answer = await admin.post(f"{TOKEN}/authorize/paste", data={"url": f"  {address}\n"})
    assert "Connected as" in answer.text
    sent = completed(bus)[0]
    keys, bound = ring.installation_private_jwks(), {"config_id": config_id(3)}
    assert open_for_installation(keys, sent.redirect_url or "", use="redirect_url", bound=bound) == address
    assert sha256((sent.nonce or "").encode()).hexdigest() == bus.last(AuthorizationStart).nonce_hash


@pytest.mark.parametrize("address", ["", "https://accounts.google.com/", "hello", "http://127.0.0.1:8090/tokens"])
async def test_what_is_no_answer_is_not_sent(admin: AsyncClient, bus: AnsweringBus, address: str) -> None:
    answer = await admin.post(f"{TOKEN}/authorize/paste", data={"url": address})
    assert answer.status_code == 422
    assert completed(bus) == []


async def test_a_program_logs_in_at_once(admin: AsyncClient, bus: AnsweringBus) -> None:
    program = config(auth_flow="ClientCredentials")
    bus.answers |= {
        ConfigGet: view(3, config=program),
        TokenStatusGet: known(status(3, generation=0, state="not_authorized")),
        TokenRefresh: known(status(3)),
    }
    assert "needs no login of a person" in (await admin.get(f"{TOKEN}/authorize")).text
    answer = await admin.post(f"{TOKEN}/authorize")
    assert answer.headers["location"] == TOKEN
    assert bus.last(TokenRefresh).generation == 0


async def test_an_address_that_is_no_web_address_is_not_offered(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[AuthorizationStart] = started().model_copy(update={"url": "javascript:alert(1)//?state=x"})
    answer = await admin.post(f"{TOKEN}/authorize")
    assert answer.status_code == 409
    assert "javascript" not in answer.text


async def test_a_providers_long_words_are_cut(admin: AsyncClient, bus: AnsweringBus) -> None:
    await start(admin)
    said = f"error={'e' * 500}&error_description={'d' * 5000}&state={STATE}"
    await admin.get(f"/oauth2/callback/microsoft-exchange-online?{said}")
    sent = completed(bus)[0]
    assert (len(sent.error or ""), len(sent.error_description or "")) == (200, 2000)


async def test_a_browser_does_not_choke_on_many_begun_logins(
    admin: AsyncClient, bus: AnsweringBus, clock: FakeClock
) -> None:
    for number in range(30):
        clock.advance(1)
        url = started().url.replace(STATE, f"{number:043d}")
        bus.answers[AuthorizationStart] = started().model_copy(update={"url": url})
        await start(admin)
    assert len([one for one in admin.cookies.jar if "authorization" in one.name]) == 20
    assert (await admin.get(BACK.replace(STATE, f"{29:043d}"))).status_code == 200
    assert (await admin.get(BACK.replace(STATE, f"{0:043d}"))).status_code == 400
