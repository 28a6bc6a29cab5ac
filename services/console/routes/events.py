"""`/events`: tells open pages that something changed (server-sent events), so that they ask again."""

from collections.abc import AsyncIterator
from typing import Final

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.console.console import Console

PING: Final = 15
"""Seconds between two comments that keep proxies from closing a quiet stream."""


class Events:
    """One stream per open page."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[Route]:
        return [Route("/events", self.stream, methods=["GET"])]

    async def stream(self, request: Request) -> Response:
        return EventSourceResponse(self._events(request.query_params.get("seen", "")), ping=PING)

    async def _events(self, seen: str) -> AsyncIterator[ServerSentEvent]:
        async for kind in self._console.live.changes(seen):
            yield ServerSentEvent(event=f"gk-{kind}", data="changed")
