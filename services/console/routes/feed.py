"""`/notifications.json`: the open notifications for help desks that show them where people live."""

import hmac
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.console.console import Console

MOST: Final = 1000
"""Notifications in one answer; `total` tells whether there are more."""
FIELDS: Final = frozenset(
    {
        "cause",
        "kind",
        "severity",
        "state",
        "config_id",
        "name",
        "title",
        "text",
        "cure_id",
        "cure",
        "url",
        "count",
        "opened_at",
        "ends_at",
        "acknowledged_by",
    }
)
"""What outsiders key on; adding one is a compatible change."""


class Feed:
    """The feed; asks nothing of the bus, since every replica reads the topic."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[Route]:
        return [Route("/notifications.json", self.notifications, methods=["GET"])]

    async def notifications(self, request: Request) -> Response:
        token = self._console.settings.feed_token
        if token is None:
            return _error(404, "The feed is switched off: set GRANTKEEPER_FEED_TOKEN_FILE.")
        scheme, _, sent = request.headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(sent.strip().encode(), token.get_secret_value().encode())
        if scheme.lower() != "bearer" or not right:
            response = _error(401, "Send the header Authorization: Bearer <feed token>.")
            response.headers["WWW-Authenticate"] = 'Bearer realm="grantkeeper"'
            return response
        if not self._console.board.complete:
            return _error(503, "Notifications are still being read from the bus. Ask again.")
        found = self._console.board.open()
        shown = [one.model_dump(mode="json", include=set(FIELDS)) for one in found[:MOST]]
        return JSONResponse({"notifications": shown, "total": len(found)})


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status_code=status)
