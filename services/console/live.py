"""Tells open pages that something changed; they then ask again for what they show.

A page is told which kind of thing changed, never what it became: the answer to its own question is the truth, with its
filter and its place in the list. Many changes within a moment are told once. A page says how much it has `seen` when it
begins to listen, so that a change on the way to the browser, or while its connection was broken, is told then.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final, Literal, get_args

from grantkeeper.process.clock import Clock

Kind = Literal["tokens", "notifications"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
PAUSE: Final = 1.0
"""Seconds between two tellings: a fleet that refreshes all day must not make a page ask all day."""


class Live:
    """Every open page of this replica."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pages: set[_Page] = set()
        self._closed = False
        self._began = clock.now()
        self._changes = 0

    @property
    def seen(self) -> str:
        """Name all changes so far; another process has another name for its own."""
        return f"{self._began.timestamp():.6f}-{self._changes}"

    def changed(self, kind: Kind) -> None:
        """Tell all pages."""
        self._changes += 1
        for page in self._pages:
            page.add(kind)

    def close(self) -> None:
        """End all streams: the process stops, and browsers come back to another replica."""
        self._closed = True
        for page in self._pages:
            page.wake.set()

    async def changes(self, seen: str) -> AsyncIterator[Kind]:
        """Yield what changed since `seen`, for one page, until it goes away or the process stops."""
        with self._page() as page:
            if seen != self.seen:
                for kind in KINDS:
                    page.add(kind)
            while not self._closed:
                await page.wake.wait()
                for kind in page.take():
                    yield kind
                if not self._closed:
                    await self._clock.sleep(PAUSE)

    @contextmanager
    def _page(self) -> Iterator["_Page"]:
        page = _Page()
        self._pages.add(page)
        try:
            yield page
        finally:
            self._pages.discard(page)


class _Page:
    """What one page has not been told yet."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self._kinds: set[Kind] = set()

    def add(self, kind: Kind) -> None:
        self._kinds.add(kind)
        self.wake.set()

    def take(self) -> list[Kind]:
        self.wake.clear()
        kinds, self._kinds = sorted(self._kinds), set()
        return kinds
