"""Open pages are told that something changed: soon, once for many, and not after they are gone."""

import asyncio

from services.console.console import FOLDER
from services.console.live import PAUSE, Live
from tests.clock import FakeClock
from tests.waiting import wait_until


async def test_many_changes_within_a_moment_are_told_once() -> None:
    clock = FakeClock()
    live = Live(clock)
    changes = live.changes(live.seen)
    waiting = asyncio.ensure_future(anext(changes))
    await wait_until(lambda: len(live._pages) == 1)
    live.changed("tokens")
    assert await waiting == "tokens"
    for _ in range(100):
        live.changed("tokens")
        live.changed("notifications")
    again = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    assert not again.done(), "not before the pause is over"
    clock.advance(PAUSE)
    assert await again == "notifications"
    assert await anext(changes) == "tokens"
    await changes.aclose()  # type: ignore[attr-defined]
    assert live._pages == set()


async def test_a_page_that_missed_a_change_is_told_when_it_begins_to_listen() -> None:
    live = Live(FakeClock())
    seen = live.seen
    live.changed("notifications")
    late = live.changes(seen)
    assert {await anext(late), await anext(late)} == {"tokens", "notifications"}
    await late.aclose()  # type: ignore[attr-defined]


async def test_a_page_of_another_process_is_told_too() -> None:
    stranger = Live(FakeClock()).changes("of-another-process")
    assert await anext(stranger) == "notifications"
    await stranger.aclose()  # type: ignore[attr-defined]


async def test_streams_end_when_the_process_stops() -> None:
    live = Live(FakeClock())
    told = asyncio.ensure_future(_all(live))
    await wait_until(lambda: len(live._pages) == 1)
    live.close()
    assert await told == []


async def _all(live: Live) -> list[str]:
    return [kind async for kind in live.changes(live.seen)]


def test_htmx_does_not_begin_before_its_extension_is_there() -> None:
    """It begins when the page is read; run later it begins at once, without the extension, and no page lives."""
    frame = (FOLDER / "pages" / "frame.html").read_text()
    tags = {
        line.split("vendor/")[1].split(".")[0]: line
        for line in frame.splitlines()
        if "<script" in line and "vendor/" in line
    }
    assert "defer" not in tags["htmx"]
    assert list(tags) == ["htmx", "hx-sse"]
