"""What needs a person: the list, the bar on every page, and seen."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from grantkeeper_client import ReplyError
from schemas.notification_commands import NotificationAcknowledge, NotificationView
from services.console import views
from services.console.console import Console
from services.console.shown import shown


class Notifications:
    """Drawn from the board, which follows the topic; an acknowledgement is shown from its reply."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[Route]:
        return [
            Route("/notifications", self.show, methods=["GET"]),
            Route("/notifications/bar", self.bar, methods=["GET"]),
            Route("/notifications/acknowledge", self.acknowledge, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        words = self._console.words(request)
        found = [views.notice(one, words) for one in self._console.board.open()]
        return self._console.page(request, "notifications.html", found=found)

    async def bar(self, request: Request) -> Response:
        return self._console.page(request, "_bar.html")

    async def acknowledge(self, request: Request) -> Response:
        cause = str((await request.form()).get("cause", ""))
        if self._console.board.get(cause) is None:
            raise ReplyError("not_found", "This notification is gone.")
        command = NotificationAcknowledge(cause=cause, sequence=await shown(request, "sequence"))
        done = await self._console.ask(request, command, NotificationView)
        self._console.board.put(done.notification)
        return self._console.go("/notifications", said="acknowledged")
