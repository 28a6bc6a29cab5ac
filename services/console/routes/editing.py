"""Edit: says what a change means before it is stored, and who else saved meanwhile; loses nothing that was typed."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from grantkeeper_client import ReplyError
from schemas.config_commands import ConfigGet, ConfigUpdate, FieldEdits
from schemas.config_results import ConfigSaved, ConfigView
from schemas.token_config import TokenConfig
from services.console.asking import NoAnswer
from services.console.console import Console
from services.console.forms import TokenForm, understand
from services.console.routes.form_page import FormPage, Trouble

Conflicts = list[tuple[str, str, str]]
"""Field, theirs, mine."""


class Editing:
    """The page behind Edit."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._page = FormPage(console, "token_edit.html")

    def routes(self) -> list[Route]:
        return [
            Route("/tokens/{config_id}/edit", self.edit, methods=["GET"]),
            Route("/tokens/{config_id}", self.update, methods=["POST"]),
        ]

    async def edit(self, request: Request) -> Response:
        view = await self._view(request)
        return self._draw(request, TokenForm.of(view.config), view)

    async def update(self, request: Request) -> Response:
        form = TokenForm.read(await request.form())
        try:
            view = await self._view(request)
        except NoAnswer:
            return self._page.keep(request, form)
        key = self._console.installation_key
        outcome = understand(form, view.config, key, is_new=False, has_secret=view.client_secret_set)
        form = outcome.form
        if form.get("expected_revision") != str(view.revision):
            return self._draw(request, form, view, conflict=conflicts(form, view.config))
        if outcome.edits is None:
            return self._page.draw(request, form, view.config, problems=outcome.problems, **_shown(view))
        try:
            return await self._save(request, form, view, outcome.edits)
        except (ReplyError, NoAnswer) as trouble:
            return await self._not_saved(request, form, view, trouble)

    async def _save(self, request: Request, form: TokenForm, view: ConfigView, edits: FieldEdits) -> Response:
        """Ask what the change means; store it if it means nothing for the login, or if that was confirmed."""
        command = ConfigUpdate(
            config_id=view.config_id, expected_revision=view.revision, fields=edits, dry_run=not form.get("confirmed")
        )
        saved = await self._console.ask(request, command, ConfigSaved, config_id=view.config_id)
        if command.dry_run and saved.new_login != "no":
            return self._draw(request, form, view, means=saved.new_login)
        if command.dry_run:
            command = command.model_copy(update={"dry_run": False})
            saved = await self._console.ask(request, command, ConfigSaved, config_id=view.config_id)
        return self._console.go(f"/tokens/{view.config_id}?revision={saved.revision}", said="saved")

    async def _not_saved(self, request: Request, form: TokenForm, view: ConfigView, trouble: Trouble) -> Response:
        if isinstance(trouble, ReplyError) and trouble.code == "revision_conflict":
            view = await self._view(request)
            return self._draw(request, form, view, conflict=conflicts(form, view.config))
        return self._draw(request, form, view, trouble=trouble)

    async def _view(self, request: Request) -> ConfigView:
        config_id = request.path_params["config_id"]
        return await self._console.ask(request, ConfigGet(config=config_id), ConfigView, config_id=config_id)

    def _draw(
        self,
        request: Request,
        form: TokenForm,
        view: ConfigView,
        *,
        means: str | None = None,
        conflict: Conflicts | None = None,
        trouble: Trouble | None = None,
    ) -> Response:
        shown = _shown(view) | {"means": means, "conflict": conflict}
        if conflict is not None:
            shown["status"] = 409
        return self._page.draw(request, form, view.config, trouble=trouble, **shown)


def _shown(view: ConfigView) -> dict[str, Any]:
    return {"view": view, "has_secret": view.client_secret_set, "means": None, "conflict": None}


def conflicts(form: TokenForm, theirs: TokenConfig) -> Conflicts:
    """List what differs between a form and what somebody else stored meanwhile."""
    stored = TokenForm.of(theirs)
    return [(name, value, form.get(name)) for name, value in stored.values.items() if value != form.get(name)]
