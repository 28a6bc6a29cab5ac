"""The templates there are, and what to do at each provider."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from grantkeeper.oauth2.redirect import redirect_uri
from schemas.config_commands import TemplateList
from schemas.config_results import TemplatePage, TemplateView
from services.console.console import Console


class Templates:
    """A table."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[Route]:
        return [Route("/templates", self.show, methods=["GET"])]

    async def show(self, request: Request) -> Response:
        found = await self._console.ask(request, TemplateList(), TemplatePage)
        uris = {one.slug: self._redirect_uri(one) for one in found.templates}
        return self._console.page(request, "templates.html", templates=found.templates, redirect_uris=uris)

    def _redirect_uri(self, template: TemplateView) -> str | None:
        """Return what to register at the provider; None where it depends on an issuer, or nothing comes back."""
        config = template.config
        depends = config.options.discovery and not config.options.issuer
        if config.auth_flow != "AuthorizationCode" or depends:
            return None
        return redirect_uri(config, self._console.settings.origin)
