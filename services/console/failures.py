"""Our own faults: logged with their trace, told without it, in a page that carries the headers of every other.

Starlette would answer them outside of all middleware, without headers.
"""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.console.routes.problems import Problems


class Failures:
    """Answers in place of a page that raised."""

    def __init__(self, app: ASGIApp, problems: Problems) -> None:
        self._app = app
        self._problems = problems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; a fault after the answer began can only end it (ASGI)."""
        began = False

        async def noted(message: Message) -> None:
            nonlocal began
            began = began or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            if began:
                raise
            await self._problems.failed(Request(scope), error)(scope, receive, send)
