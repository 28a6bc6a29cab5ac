"""What every page and every action keeps, whatever it is for."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from httpx import AsyncClient
from starlette.routing import Mount, Route

from grantkeeper.crypto.ring import VaultRing
from schemas.config_commands import ConfigGet, ConfigHistory, TemplateList
from schemas.token_requests import AuthorizationStart, TokenList, TokenStatusGet
from services.console.app import build_app
from services.console.board import Board
from services.console.live import Live
from services.console.security import PUBLIC_FOLDERS, PUBLIC_PATHS, VIEWER_MAY_SEND
from services.console.settings import ConsoleSettings
from tests.clock import FakeClock
from tests.console_double import AnsweringBus
from tests.console_samples import (
    config,
    config_id,
    fleet,
    history,
    known,
    notifications,
    page,
    started,
    status,
    templates_of_all,
    view,
)
from tests.unit.console.conftest import settings_for

TOKEN = f"/tokens/{config_id(1)}"
PAGES = [
    "/tokens",
    "/tokens/new",
    "/tokens/new?template=google-mail",
    f"/tokens/new?copy_of={config_id(1)}",
    TOKEN,
    f"{TOKEN}/edit",
    f"{TOKEN}/history",
    f"{TOKEN}/delete",
    f"{TOKEN}/revoke",
    f"{TOKEN}/authorize",
    "/notifications",
    "/templates",
    "/transfer",
    "/preferences",
    "/nowhere",
    "/oauth2/callback/google-mail?code=c&state=s",
]


def fill(bus: AnsweringBus, board: Board, name: str = "Support") -> None:
    bus.answers = {
        TokenList: page([one.model_copy(update={"name": name}) for one in fleet()]),
        ConfigGet: view(name=name, config=config(name=name)),
        TokenStatusGet: known(status(name=name)),
        TemplateList: templates_of_all(),
        ConfigHistory: history(),
        AuthorizationStart: started(),
    }
    for one in notifications():
        board.put(one.model_copy(update={"name": name}))


@pytest.fixture
def patterns(settings: ConsoleSettings, ring: VaultRing, clock: FakeClock) -> list[tuple[str, str]]:
    """Method and path of everything that the console answers to."""
    app = build_app(settings, ring.installation_public_jwk(), AnsweringBus(), board=Board(), live=Live(clock))
    found = []
    for route in app.routes:
        assert isinstance(route, Route | Mount)
        if isinstance(route, Route):
            filled = route.path.replace("{config_id}", config_id(1)).replace("{slug}", "google-mail")
            found += [(method, filled) for method in route.methods or ()]
    assert len(found) > 30
    return found


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_carries_the_headers(admin: AsyncClient, bus: AnsweringBus, board: Board, path: str) -> None:
    fill(bus, board)
    headers = (await admin.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in headers


@pytest.mark.parametrize("path", PAGES)
async def test_no_page_needs_what_the_policy_forbids(
    admin: AsyncClient, bus: AnsweringBus, board: Board, path: str
) -> None:
    fill(bus, board)
    text = (await admin.get(path)).text
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|hx-on|js:", text)
    assert all(" src=" in tag for tag in re.findall(r"<script[^>]*>", text))


HOSTILE = ["<script>alert(1)</script>\"'><img src=x onerror=alert(1)>", "\u202egnp.exe\u2066", "x" * 250, "{{ 7*7 }}"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("path", PAGES)
async def test_a_hostile_name_stays_text(
    admin: AsyncClient, bus: AnsweringBus, board: Board, path: str, name: str
) -> None:
    fill(bus, board, name)
    text = (await admin.get(path)).text
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "49" not in re.findall(r">[^<]*7\*7[^<]*<|>49<", text)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
async def test_a_post_from_another_site_is_refused(
    admin: AsyncClient, bus: AnsweringBus, patterns: list[tuple[str, str]], site: str
) -> None:
    for path in (path for method, path in patterns if method == "POST"):
        answer = await admin.post(path, headers={"sec-fetch-site": site})
        assert answer.status_code == 403, path
        assert "another web site" in answer.text
    assert bus.asked == []


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://127.0.0.1:8090", 303),
        ("http://127.0.0.1:9999", 403),
        ("null", 403),
        ("https://evil.test", 403),
        (None, 403),
    ],
)
async def test_without_the_browsers_word_the_origin_decides(
    admin: AsyncClient, origin: str | None, expected: int
) -> None:
    del admin.headers["sec-fetch-site"]
    headers = {"origin": origin} if origin else {}
    assert (await admin.post("/preferences", data={}, headers=headers)).status_code == expected


async def test_a_request_under_another_name_is_refused(admin: AsyncClient) -> None:
    answer = await admin.get("/tokens", headers={"host": "evil.test"})
    assert answer.status_code == 421
    assert "Open http://127.0.0.1:8090" in answer.text
    assert (await admin.get("/healthz", headers={"host": "10.0.0.7:8090"})).status_code == 200


async def test_a_stranger_reaches_nothing_but_what_is_public(
    stranger: AsyncClient, bus: AnsweringBus, patterns: list[tuple[str, str]]
) -> None:
    for method, path in patterns:
        answer = await stranger.request(method, path)
        if path in PUBLIC_PATHS or path.startswith(PUBLIC_FOLDERS):
            continue
        assert answer.status_code in {303, 401}, (method, path)
        if answer.status_code == 303:
            assert answer.headers["location"].startswith("/login?next=")
    assert bus.asked == []


async def test_a_viewer_sends_nothing(viewer: AsyncClient, bus: AnsweringBus, patterns: list[tuple[str, str]]) -> None:
    for path in (path for method, path in patterns if method == "POST" and path not in {"/login", *VIEWER_MAY_SEND}):
        answer = await viewer.post(path, data={})
        assert answer.status_code == 403, path
        assert "logged in as a viewer" in answer.text
    assert bus.asked == []


@pytest.mark.parametrize("path", PAGES)
async def test_a_viewer_is_offered_nothing_that_is_refused(
    viewer: AsyncClient, bus: AnsweringBus, board: Board, path: str
) -> None:
    fill(bus, board)
    text = (await viewer.get(path)).text
    if path.endswith(("/edit", "/delete", "/revoke")) or path.startswith("/tokens/new"):
        return
    posts = re.findall(r'<form[^>]*method="post"[^>]*action="([^"]*)"', text)
    assert set(posts) <= VIEWER_MAY_SEND


async def test_a_form_that_is_too_long_is_refused_before_it_is_read(admin: AsyncClient) -> None:
    answer = await admin.post("/tokens", data={"name": "x" * 300_000})
    assert answer.status_code == 413
    assert "more than this page takes" in answer.text


async def test_static_files_may_be_kept_only_under_their_version(stranger: AsyncClient) -> None:
    login = await stranger.get("/login")
    found = re.search(r"/static/console\.css\?v=\w+", login.text)
    assert found is not None
    kept = await stranger.get(found[0])
    asked = await stranger.get("/static/console.css?v=old")
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert asked.headers["cache-control"] == "no-cache"
    assert (await stranger.get("/static/../settings.py")).status_code in {303, 404}


async def test_over_https_browsers_are_told_to_stay_there(
    users_file: Path, ring: VaultRing, clock: FakeClock, make_browser: Callable[[], AsyncClient]
) -> None:
    from httpx import ASGITransport

    settings = settings_for(users_file, public_url="https://keeper.test")
    app = build_app(settings, ring.installation_public_jwk(), AnsweringBus(), board=Board(), live=Live(clock))
    async with AsyncClient(transport=ASGITransport(app), base_url="https://keeper.test") as browser:
        assert (await browser.get("/login")).headers["strict-transport-security"] == "max-age=31536000"


async def test_our_own_fault_is_told_without_its_trace_and_with_all_headers(
    admin: AsyncClient, bus: AnsweringBus
) -> None:
    bus.answers[TokenList] = RuntimeError("canary in a fault")
    answer = await admin.get("/tokens")
    assert answer.status_code == 500
    assert "Something went wrong in the console." in answer.text
    assert "canary" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
