"""Counts answers by the pattern of their path and their status: never by what a sender chose."""

from typing import Final

from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from grantkeeper.process.metrics import Metrics

NO_ROUTE: Final = "none"


class Counting:
    """Adds one to `console_requests` for every answer."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and count its answer (ASGI)."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.count("console_requests", route=_pattern(scope), status=str(message["status"]))
            await send(message)

        await self._app(scope, receive, counted)


def _pattern(scope: Scope) -> str:
    route = scope.get("route")
    return route.path if isinstance(route, Route | Mount) else NO_ROUTE
