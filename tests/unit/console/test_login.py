"""Who gets in, for how long, and where to."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr

from grantkeeper.crypto.ring import VaultRing
from schemas.token_requests import TokenList
from services.console.users import add
from tests.clock import FakeClock
from tests.console_app import console_app
from tests.console_double import AnsweringBus
from tests.console_samples import page
from tests.unit.console.conftest import ORIGIN, PASSWORDS, log_in, settings_for


async def is_in(browser: AsyncClient) -> bool:
    return (await browser.get("/preferences")).status_code == 200


async def test_a_page_leads_to_the_login_and_back(stranger: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[TokenList] = page([])
    sent = await stranger.get("/tokens?state=active")
    assert sent.headers["location"] == "/login?next=%2Ftokens%3Fstate%3Dactive"
    form = {"name": "anna", "password": PASSWORDS["anna"], "next": "/tokens?state=active"}
    back = await stranger.post("/login", data=form)
    assert back.headers["location"] == "/tokens?state=active"
    assert await is_in(stranger)


async def test_a_wrong_password_and_an_unknown_name_are_told_in_the_same_words(stranger: AsyncClient) -> None:
    wrong = await stranger.post("/login", data={"name": "anna", "password": "guess"})
    unknown = await stranger.post("/login", data={"name": "nobody", "password": "guess"})
    assert wrong.status_code == unknown.status_code == 401
    assert "User name or password is wrong." in wrong.text
    assert wrong.text.replace("anna", "nobody") == unknown.text
    assert not await is_in(stranger)


@pytest.mark.parametrize(
    "asked", ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)", "/login", "/to\nkens", ""]
)
async def test_a_login_never_leads_to_another_site(stranger: AsyncClient, asked: str) -> None:
    sent = await stranger.post("/login", data={"name": "anna", "password": PASSWORDS["anna"], "next": asked})
    assert sent.headers["location"] == "/tokens"


async def test_guessing_is_slowed_down_for_that_name_alone(stranger: AsyncClient, clock: FakeClock) -> None:
    answers = [await stranger.post("/login", data={"name": "anna", "password": "guess"}) for _ in range(8)]
    assert [one.status_code for one in answers] == [401] * 5 + [429] * 3
    assert (await stranger.post("/login", data={"name": "anna", "password": PASSWORDS["anna"]})).status_code == 429
    assert (await stranger.post("/login", data={"name": "vera", "password": PASSWORDS["vera"]})).status_code == 303
    clock.advance(300)
    assert (await stranger.post("/login", data={"name": "anna", "password": PASSWORDS["anna"]})).status_code == 303


async def test_a_burst_of_guesses_gets_no_further_than_one_after_the_other(stranger: AsyncClient) -> None:
    guesses = [stranger.post("/login", data={"name": "anna", "password": f"guess {number}"}) for number in range(12)]
    answers = await asyncio.gather(*guesses)
    assert sorted(one.status_code for one in answers) == [401] * 5 + [429] * 7


async def test_a_guesser_cannot_keep_out_who_was_in_before(
    make_browser: Callable[[], AsyncClient], clock: FakeClock
) -> None:
    known, guesser = await log_in(make_browser(), "anna"), make_browser()
    await known.post("/logout")
    for _ in range(8):
        await guesser.post("/login", data={"name": "anna", "password": "guess"})
    right = {"name": "anna", "password": PASSWORDS["anna"]}
    assert (await guesser.post("/login", data=right)).status_code == 429
    assert (await known.post("/login", data=right)).status_code == 303
    assert (await known.post("/login", data={"name": "vera", "password": "guess"})).status_code == 401


async def send(client: AsyncClient, forwarded: str) -> int:
    """One wrong password through a proxy at 10.0.0.7; the client there is whom the proxy names."""
    data = {"name": "anna", "password": "guess"}
    return (await client.post("/login", data=data, headers={"x-forwarded-for": forwarded})).status_code


async def test_behind_a_trusted_proxy_one_address_makes_only_itself_wait(users_file: Path, ring: VaultRing) -> None:
    proxied = console(users_file, ring, web={"trusted_proxies": ["10.0.0.0/24"]})
    async with proxied("10.0.0.7") as client:
        assert [await send(client, "198.51.100.9") for _ in range(6)] == [401] * 5 + [429]
        assert await send(client, "192.0.2.1, 198.51.100.9, 10.0.0.8") == 429
        assert await send(client, "198.51.100.9, 192.0.2.1") == 401
    async with proxied("203.0.113.5") as outside:
        assert [await send(outside, f"192.0.2.{number}") for number in range(6)] == [401] * 5 + [429]


async def test_a_proxy_that_is_not_trusted_is_not_believed_and_the_log_says_so(
    users_file: Path, ring: VaultRing, capsys: pytest.CaptureFixture[str]
) -> None:
    async with console(users_file, ring)("10.0.0.7") as client:
        assert [await send(client, f"192.0.2.{number}") for number in range(6)] == [401] * 5 + [429]
    assert capsys.readouterr().out.count("GRANTKEEPER_WEB__TRUSTED_PROXIES") == 1


async def test_logging_out_ends_the_session_of_this_browser(admin: AsyncClient) -> None:
    answer = await admin.post("/logout")
    assert "You are logged out." in answer.text
    assert not await is_in(admin)


async def test_a_session_ends_by_itself(admin: AsyncClient, clock: FakeClock) -> None:
    clock.advance(11.9 * 3600)
    assert await is_in(admin)
    clock.advance(0.2 * 3600)
    assert not await is_in(admin)


def console(users_file: Path, ring: VaultRing, **changes: object) -> Callable[..., AsyncClient]:
    """One replica of a console."""
    settings = settings_for(users_file, **changes)
    app = console_app(settings, ring)

    def browser(address: str = "127.0.0.1") -> AsyncClient:
        headers = {"sec-fetch-site": "same-origin"}
        transport = ASGITransport(app, client=(address, 50_000))
        return AsyncClient(transport=transport, base_url=settings.origin, headers=headers)

    return browser


async def test_another_replica_knows_the_session_and_one_with_another_key_does_not(
    users_file: Path, ring: VaultRing
) -> None:
    first = await log_in(console(users_file, ring)(), "anna")
    second, foreign = console(users_file, ring)(), console(users_file, ring, session_key="x" * 48)()
    second.cookies, foreign.cookies = first.cookies, first.cookies
    assert await is_in(second)
    assert not await is_in(foreign)


@pytest.mark.parametrize("line", ["", "anna:viewer:{hash}", "anna:admin:{other}"])
async def test_a_changed_users_file_counts_at_the_next_request(tmp_path: Path, ring: VaultRing, line: str) -> None:
    path = tmp_path / "users"
    add(path, "anna", "admin", SecretStr(PASSWORDS["anna"]))
    old = path.read_text().strip().split(":", 2)[2]
    browser = await log_in(console(path, ring)(), "anna")
    add(tmp_path / "other", "anna", "admin", SecretStr("a changed password"))
    other = (tmp_path / "other").read_text().strip().split(":", 2)[2]
    path.write_text(line.format(hash=old, other=other) + "\n")
    if "viewer" in line:
        assert (await browser.post("/tokens", data={})).status_code == 403
    else:
        assert not await is_in(browser)


async def test_a_form_sent_after_the_session_ended_is_not_lost(admin: AsyncClient, clock: FakeClock) -> None:
    clock.advance(13 * 3600)
    answer = await admin.post("/tokens", data={"name": "typed"})
    assert answer.status_code == 401
    assert "Log in in another tab, then reload this page" in answer.text


async def test_a_live_part_of_a_page_leads_to_the_login_after_the_session_ended(stranger: AsyncClient) -> None:
    answer = await stranger.get("/tokens", headers={"hx-request": "true"})
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/login"
    assert answer.text == ""


async def test_over_https_cookies_are_bound_to_this_host(users_file: Path, ring: VaultRing) -> None:
    browser = console(users_file, ring, public_url="https://keeper.test")()
    answer = await browser.post("/login", data={"name": "anna", "password": PASSWORDS["anna"]})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-grantkeeper-login=")
    for part in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie


async def test_on_this_machine_cookies_work_without_tls(stranger: AsyncClient) -> None:
    answer = await stranger.post("/login", data={"name": "anna", "password": PASSWORDS["anna"]})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("grantkeeper-login=")
    assert "Secure" not in cookie
    assert "HttpOnly" in cookie
    assert ORIGIN.startswith("http://127.0.0.1")


async def test_language_and_colours_are_a_persons_choice(admin: AsyncClient) -> None:
    await admin.post("/preferences", data={"language": "de", "theme": "dark"})
    shown = await admin.get("/preferences")
    assert '<html lang="de" data-bs-theme="dark">' in shown.text
    assert "Sprache und Farben" in shown.text
    await admin.post("/preferences", data={"language": "<x>", "theme": "<y>"})
    assert '<html lang="de" data-bs-theme="dark">' in (await admin.get("/preferences")).text


async def test_without_a_readable_users_file_nobody_gets_in_and_the_page_says_why(
    tmp_path: Path, ring: VaultRing
) -> None:
    path = tmp_path / "users"
    add(path, "anna", "admin", SecretStr(PASSWORDS["anna"]))
    browser = await log_in(console(path, ring)(), "anna")
    path.write_text("anna:admin:plaintext\n")
    answer = await browser.get("/preferences")
    assert answer.status_code == 503
    assert "users file cannot be read" in answer.text
    assert "plaintext" not in answer.text
