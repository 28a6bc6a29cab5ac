"""Edit, by fields: says what a change means before it is stored, and who else saved meanwhile; loses nothing typed."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from grantkeeper_client import ReplyError
from schemas.config_results import ConfigView
from services.console.asking import NoAnswer
from services.console.conflicts import Difference, join
from services.console.console import Console
from services.console.forms import understand
from services.console.routes.form_page import FormPage
from services.console.routes.lookup import stored_config
from services.console.routes.saving import Saving
from services.console.token_form import TokenForm


class Editing:
    """The page behind Edit."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._saving = Saving(console)
        self._page = FormPage(console, "token_edit.html")

    def routes(self) -> list[Route]:
        return [
            Route("/tokens/{config_id}/edit", self.edit, methods=["GET"]),
            Route("/tokens/{config_id}", self.update, methods=["POST"]),
        ]

    async def edit(self, request: Request) -> Response:
        view = await stored_config(self._console, request)
        return self._draw(request, TokenForm.of(view.config), view)

    async def update(self, request: Request) -> Response:
        form = TokenForm.read(await request.form())
        try:
            view = await stored_config(self._console, request)
        except NoAnswer:
            return self._page.keep(request, form)
        if form.get("expected_revision") != str(view.revision):
            return self._conflict(request, form, view)
        key = self._console.installation_key
        outcome = understand(form, view.config, key, is_new=False, has_secret=view.client_secret_set)
        if outcome.edits is None:
            return self._page.draw(request, outcome.form, view.config, problems=outcome.problems, **_shown(view))
        form = outcome.form
        try:
            done = await self._saving.save(request, view, fields=outcome.edits, confirmed=bool(form.get("confirmed")))
        except (ReplyError, NoAnswer) as trouble:
            if isinstance(trouble, ReplyError) and trouble.code == "revision_conflict":
                return self._conflict(request, form, await stored_config(self._console, request))
            return self._page.draw(request, form, view.config, trouble=trouble, **_shown(view))
        return done if isinstance(done, Response) else self._draw(request, form, view, means=done)

    def _conflict(self, request: Request, form: TokenForm, view: ConfigView) -> Response:
        """Show who saved what meanwhile, under a form that keeps what was typed."""
        joined, differences = join(form, TokenForm.of(view.config))
        key = self._console.installation_key
        joined = understand(joined, view.config, key, is_new=False, has_secret=view.client_secret_set).form
        return self._draw(request, joined, view, conflict=differences, status=409)

    def _draw(self, request: Request, form: TokenForm, view: ConfigView, **shown: Any) -> Response:
        return self._page.draw(request, form, view.config, **(_shown(view) | shown))


def _shown(view: ConfigView) -> dict[str, Any]:
    nothing: Sequence[Difference] | None = None
    return {"view": view, "has_secret": view.client_secret_set, "means": None, "conflict": nothing}
