"""Each role can do what it may and nothing else: every route, every method, every message of the contract."""

import re
from typing import Final

import pytest
from httpx import AsyncClient

from schemas.envelope import Message, Model
from schemas.samples import MESSAGES
from schemas.topics import CONFIG_COMMANDS, NOTIFICATION_COMMANDS, TOKEN_REQUESTS
from services.console.asking import VIEWER_MAY_ASK, Asking, NotForViewers
from services.console.board import Board
from services.console.security import ADMIN_PAGES, PUBLIC_FOLDERS, PUBLIC_PATHS, SAFE_METHODS, VIEWER_MAY_SEND
from services.console.users import User
from tests.console_app import Kafka
from tests.console_double import AnsweringBus
from tests.console_walk import PATHS, fill

METHODS: Final = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
NOT_WALKED: Final = frozenset({"/events", "/logout"})
"""One never ends, the other ends the session that walks."""
READS: Final = frozenset({"List", "Get", "History"})
"""How the names of messages end that change nothing."""
QUESTIONS: Final = [one for one in MESSAGES if one.TOPIC in {CONFIG_COMMANDS, TOKEN_REQUESTS, NOTIFICATION_COMMANDS}]


@pytest.fixture
def everything(patterns: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Every path with every method, also those that no route names."""
    paths = dict.fromkeys(path for _, path in patterns if path not in NOT_WALKED)
    return [(method, path) for path in paths for method in METHODS]


async def test_a_stranger_reaches_nothing_but_what_is_public(
    stranger: AsyncClient, bus: AnsweringBus, everything: list[tuple[str, str]]
) -> None:
    for method, path in everything:
        answer = await stranger.request(method, path)
        assert answer.status_code < 500, (method, path)
        if path in PUBLIC_PATHS or path.startswith(PUBLIC_FOLDERS):
            continue
        assert answer.status_code in {303, 401}, (method, path)
        if answer.status_code == 303:
            assert answer.headers["location"].startswith("/login?next=")
    assert bus.asked == []


async def test_a_viewer_reads_and_does_nothing_else(
    viewer: AsyncClient, bus: AnsweringBus, board: Board, kafka: Kafka, everything: list[tuple[str, str]]
) -> None:
    fill(bus, board, kafka)
    for method, path in everything:
        answer = await viewer.request(method, path)
        assert answer.status_code < 500, (method, path)
        if path in PUBLIC_PATHS or path in VIEWER_MAY_SEND or path.startswith(PUBLIC_FOLDERS):
            continue
        if method not in SAFE_METHODS or ADMIN_PAGES.fullmatch(path):
            assert answer.status_code == 403, (method, path)
            assert method == "HEAD" or "logged in as a viewer" in answer.text
    assert {type(one) for one in bus.asked} <= VIEWER_MAY_ASK
    assert set(bus.actors) == {"vera"}


async def test_an_admin_is_kept_from_nothing(
    admin: AsyncClient, bus: AnsweringBus, board: Board, kafka: Kafka, everything: list[tuple[str, str]]
) -> None:
    fill(bus, board, kafka)
    asked_by: set[str | None] = set()
    for method, path in everything:
        answer = await admin.request(method, path)
        assert answer.status_code < 500 or answer.status_code == 503, (method, path)
        assert "logged in as a viewer" not in answer.text, (method, path)
        asked_by |= set(bus.actors)
    assert asked_by == {"anna"}


async def test_a_viewer_is_offered_nothing_that_is_refused(
    viewer: AsyncClient, bus: AnsweringBus, board: Board, kafka: Kafka
) -> None:
    fill(bus, board, kafka)
    for path in PATHS:
        text = (await viewer.get(path)).text
        posts = re.findall(r'<form[^>]*method="post"[^>]*action="([^"]*)"', text)
        assert set(posts) <= VIEWER_MAY_SEND | {"/login"}, path
        links = {link.partition("?")[0] for link in re.findall(r'href="(/[^"]*)"', text)}
        assert [link for link in links if ADMIN_PAGES.fullmatch(link)] == [], path


@pytest.mark.parametrize("message", QUESTIONS, ids=lambda message: type(message).__name__)
async def test_a_viewer_sends_only_what_reads_whatever_the_route(message: Message, bus: AnsweringBus) -> None:
    class Nothing(Model):
        """An answer that no message has."""

    bus.answers = {type(message): Nothing()}
    asking = Asking(bus)
    vera, anna = User("vera", "viewer", "hash"), User("anna", "admin", "hash")
    if type(message) in VIEWER_MAY_ASK:
        await asking.ask(vera, message, Nothing)
        assert any(type(message).__name__.endswith(end) for end in READS)
    else:
        with pytest.raises(NotForViewers):
            await asking.ask(vera, message, Nothing)
        assert bus.asked == []
    await asking.ask(anna, message, Nothing)
    assert bus.actors[-1] == "anna"
