"""What every page and every action keeps, whatever it is for."""

import re
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient
from starlette.routing import Route

from grantkeeper.crypto.ring import VaultRing
from schemas.token_requests import TokenList
from services.console.board import Board
from tests.console_app import Kafka, console_app
from tests.console_double import AnsweringBus
from tests.console_walk import NO_PAGES, PATHS, WALK, fill
from tests.unit.console.conftest import settings_for


def test_the_walk_leaves_no_page_out(routes: list[Route]) -> None:
    walked = set()
    for stop in WALK:
        path = stop.path.partition("?")[0]
        walked |= {route.path for route in routes if route.path_regex.match(path)}
    pages = {route.path for route in routes if "GET" in (route.methods or ())}
    assert pages - NO_PAGES <= walked
    assert len({stop.name for stop in WALK}) == len(WALK)


async def test_every_page_carries_the_headers(
    admin: AsyncClient, bus: AnsweringBus, board: Board, kafka: Kafka
) -> None:
    fill(bus, board, kafka)
    expected = {
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cache-control": "no-store",
    }
    for path in PATHS:
        headers = (await admin.get(path)).headers
        assert {name: headers[name] for name in expected} == expected, path
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"], path
        assert "strict-transport-security" not in headers


async def test_no_page_needs_what_the_policy_forbids(
    admin: AsyncClient, bus: AnsweringBus, board: Board, kafka: Kafka
) -> None:
    fill(bus, board, kafka)
    for path in PATHS:
        text = (await admin.get(path)).text
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|hx-on|js:", text), path
        assert all(" src=" in tag for tag in re.findall(r"<script[^>]*>", text)), path


HOSTILE = ["<script>alert(1)</script>\"'><img src=x onerror=alert(1)>", "\u202egnp.exe\u2066", "x" * 250, "{{ 7*7 }}"]


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_name_stays_text(
    admin: AsyncClient, bus: AnsweringBus, board: Board, kafka: Kafka, name: str
) -> None:
    fill(bus, board, kafka, name=name)
    for path in PATHS:
        text = (await admin.get(path)).text
        assert "<script>alert" not in text, path
        assert "<img" not in text, path
        assert "49" not in re.findall(r">[^<]*7\*7[^<]*<|>49<", text), path


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


async def test_over_https_browsers_are_told_to_stay_there(users_file: Path, ring: VaultRing) -> None:
    settings = settings_for(users_file, public_url="https://keeper.test")
    app = console_app(settings, ring)
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


def test_the_documents_picture_every_page_of_the_walk() -> None:
    gallery = (Path(__file__).parents[3] / "docs" / "console-pages.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"\(pictures/([a-z-]+)-wide-light\.png\)", gallery))
    assert shown == {stop.name for stop in WALK}
