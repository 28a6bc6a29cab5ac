"""The bar on every page, the list, seen, and the feed for help desks."""

import json

import pytest
from httpx import AsyncClient

from grantkeeper_client import Envelope
from schemas.admin_notifications import NotificationChanged
from schemas.notification_commands import NotificationAcknowledge, NotificationView
from schemas.token_requests import TokenList
from services.console.board import Board
from services.console.routes.feed import FIELDS
from tests.console_double import AnsweringBus, refusal
from tests.console_samples import NOW, config_id, fleet, notifications, page
from tests.unit.console.conftest import FEED_TOKEN

AUTHORIZED = {"authorization": f"Bearer {FEED_TOKEN}"}


@pytest.fixture(autouse=True)
def filled(bus: AnsweringBus, board: Board) -> None:
    bus.answers[TokenList] = page(fleet())
    for one in notifications():
        board.put(one)


async def test_the_bar_shows_three_and_counts_the_rest(admin: AsyncClient) -> None:
    text = (await admin.get("/tokens")).text
    assert text.count('class="gk-notice ') == 3
    assert "OAuth2 refresh token for “Orders” has expired." in text
    assert "The provider refuses the client “Contoso”." in text
    assert "(41 tokens)" in text
    assert "and 2 more" in text
    assert 'gk-badge">5<' in text


async def test_the_bars_button_starts_the_login_itself(admin: AsyncClient, viewer: AsyncClient) -> None:
    start = f'<form method="post" action="/tokens/{config_id(3)}/authorize">'
    assert start in (await admin.get("/templates")).text
    assert start not in (await viewer.get("/tokens")).text


async def test_a_stranger_sees_no_notification(stranger: AsyncClient) -> None:
    assert "gk-notice" not in (await stranger.get("/login")).text


async def test_the_list_shows_all_with_their_cure(admin: AsyncClient) -> None:
    text = (await admin.get("/notifications")).text
    assert text.count('class="gk-cure"') == 5
    assert "since 2026-11-24 08:15 UTC" in text
    assert "Make a new client secret and enter it." in text


async def test_an_acknowledgement_is_seen_at_once_by_its_reply(
    admin: AsyncClient, bus: AnsweringBus, board: Board
) -> None:
    first = board.open()[0]
    seen = first.model_copy(update={"state": "acknowledged", "acknowledged_by": "anna", "sequence": 2})
    bus.answers[NotificationAcknowledge] = NotificationView(notification=seen)
    answer = await admin.post("/notifications/acknowledge", data={"cause": first.cause, "sequence": "1"})
    assert answer.status_code == 303
    assert bus.last(NotificationAcknowledge).sequence == 1
    assert "acknowledged by anna" in (await admin.get("/notifications")).text
    assert 'gk-badge">4<' in (await admin.get("/tokens")).text


async def test_an_acknowledgement_means_what_was_shown_and_not_what_came_since(
    admin: AsyncClient, bus: AnsweringBus, board: Board
) -> None:
    first = board.open()[0]
    assert 'name="sequence" value="1"' in (await admin.get("/notifications")).text
    board.put(first.model_copy(update={"sequence": 2, "text": "one day left"}))
    bus.answers[NotificationAcknowledge] = refusal("revision_conflict")
    answer = await admin.post("/notifications/acknowledge", data={"cause": first.cause, "sequence": "1"})
    assert bus.last(NotificationAcknowledge).sequence == 1
    assert answer.status_code == 409
    assert "Somebody changed this meanwhile." in answer.text


async def test_one_that_is_gone_is_not_acknowledged(admin: AsyncClient, bus: AnsweringBus) -> None:
    answer = await admin.post("/notifications/acknowledge", data={"cause": "nothing"})
    assert answer.status_code == 404
    assert bus.asked == []


async def test_a_kind_that_this_console_does_not_know_keeps_its_own_words() -> None:
    from services.console.views import notice
    from services.console.words import load_catalogue

    later = NotificationChanged.model_construct(
        **{**notifications()[0].model_dump(), "kind": "something_new", "cure_id": "later", "title": "Said by itself"}
    )
    shown = notice(later, load_catalogue().choose("de", ""))
    assert (shown.title, shown.cure) == ("Said by itself", "Request a new token.")


@pytest.mark.parametrize(
    ("url", "page_of_it"),
    [
        ("https://other.test/tokens/1/edit", "/tokens/1/edit"),
        ("https://other.test/tokens?client=abc", "/tokens?client=abc"),
        ("javascript:alert(1)", "/alert(1)"),
        ("https://other.test//evil.test/", "/evil.test/"),
    ],
)
async def test_a_notification_leads_to_a_page_of_this_console(url: str, page_of_it: str) -> None:
    from services.console.views import notice
    from services.console.words import load_catalogue

    shown = notice(notifications()[0].model_copy(update={"url": url}), load_catalogue().choose("en", ""))
    assert shown.page == page_of_it


async def test_the_feed_is_what_outsiders_key_on(stranger: AsyncClient) -> None:
    answer = await stranger.get("/notifications.json", headers=AUTHORIZED)
    feed = json.loads(answer.text)
    assert set(feed) == {"notifications", "total"}
    assert feed["total"] == 5
    assert set(feed["notifications"][0]) == set(FIELDS)
    assert feed["notifications"][0]["severity"] == "red"
    assert feed["notifications"][0]["cause"] == f"{config_id(3)}:expired_refresh_token"


@pytest.mark.parametrize("header", [None, "Bearer wrong", f"Basic {FEED_TOKEN}", "Bearer", f"Bearer {FEED_TOKEN}x"])
async def test_the_feed_wants_its_token(stranger: AsyncClient, header: str | None) -> None:
    answer = await stranger.get("/notifications.json", headers={"authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "Orders" not in answer.text


async def test_a_login_is_no_key_to_the_feed(admin: AsyncClient) -> None:
    assert (await admin.get("/notifications.json")).status_code == 401


async def test_the_feed_does_not_say_nothing_before_it_knows(stranger: AsyncClient, board: Board) -> None:
    board.complete = False
    assert (await stranger.get("/notifications.json", headers=AUTHORIZED)).status_code == 503


def event(value: bytes | None, cause: str, type_: str = NotificationChanged.TYPE) -> Envelope:
    return Envelope(
        topic="t", key=cause.encode(), id="1", type=type_, source="/services/notifier", time=NOW, value=value
    )


def test_the_board_keeps_the_last_state_of_each_cause() -> None:
    board, first = Board(), notifications()[0]
    newer = first.model_copy(update={"sequence": 5, "text": "newer"})
    board.take(event(newer.model_dump_json().encode(), first.cause))
    board.take(event(first.model_dump_json().encode(), first.cause))
    assert [one.text for one in board.open()] == ["newer"]
    solved = newer.model_copy(update={"sequence": 6, "state": "resolved"})
    board.take(event(solved.model_dump_json().encode(), first.cause))
    assert list(board.open()) == []
    board.take(event(None, first.cause))
    assert board.get(first.cause) is None


def test_what_the_board_cannot_read_takes_nothing_away() -> None:
    board, first = Board(), notifications()[0]
    board.put(first)
    board.take(event(b"{}", "x"))
    board.take(event(b"{}", "x", "grantkeeper.something.else.v1"))
    assert list(board.open()) == [first]


def test_what_nobody_has_seen_comes_first_then_red_then_new() -> None:
    board = Board()
    seen = notifications()[0].model_copy(update={"state": "acknowledged"})
    for one in (*notifications()[1:], seen):
        board.put(one)
    assert [one.name for one in board.open()] == ["Contoso", "Fabrikam", "HR intake", "Legal", "Orders"]
    assert [one.name for one in board.waiting()] == ["Contoso", "Fabrikam", "HR intake", "Legal"]
