"""The templates there are."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.config_commands import TemplateList
from schemas.config_results import TemplatePage
from services.console.console import Console


class Templates:
    """A table."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[Route]:
        return [Route("/templates", self.show, methods=["GET"])]

    async def show(self, request: Request) -> Response:
        found = await self._console.ask(request, TemplateList(), TemplatePage)
        return self._console.page(request, "templates.html", templates=found.templates)
