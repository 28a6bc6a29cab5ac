"""Adding and editing a token: forms that keep what was typed, whatever the bus says."""

from collections.abc import Mapping
from typing import Any

from grantkeeper_client import ReplyError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from grantkeeper.oauth2.redirect import redirect_uri
from schemas.config_commands import ConfigCreate, ConfigGet, ConfigUpdate, FieldEdits, TemplateList
from schemas.config_results import ConfigSaved, ConfigView, TemplatePage, TemplateView
from schemas.replies import Detail
from schemas.token_config import TokenConfig
from services.console import views
from services.console.asking import NoAnswer
from services.console.console import Console
from services.console.forms import TokenForm, field_of, understand
from services.console.routes.authorizations import Authorizations
from services.console.routes.problems import error_lines


class TokenForms:
    """The pages behind Add, Duplicate and Edit."""

    def __init__(self, console: Console, authorizations: Authorizations) -> None:
        self._console = console
        self._authorizations = authorizations

    def routes(self) -> list[Route]:
        return [
            Route("/tokens/new", self.new, methods=["GET"]),
            Route("/tokens", self.create, methods=["POST"]),
            Route("/tokens/{config_id}/edit", self.edit, methods=["GET"]),
            Route("/tokens/{config_id}", self.update, methods=["POST"]),
        ]

    async def new(self, request: Request) -> Response:
        """Choose a template, then fill it in; or start from a token that there is."""
        query = request.query_params
        config_id = self._console.ids.uuid7()
        if query.get("copy_of"):
            original = await self._view(request, query["copy_of"])
            name = self._console.words(request)("add.copy_of", name=original.name)
            form = TokenForm.of(original.config, name=name)
            return self._add_page(request, form, original.config, config_id=config_id, original=original)
        templates = (await self._console.ask(request, TemplateList(), TemplatePage)).templates
        template = next((one for one in templates if one.slug == query.get("template")), None)
        if template is None:
            return self._console.page(request, "template_choice.html", templates=templates)
        form = TokenForm.of(template.config, name="")
        return self._add_page(request, form, template.config, config_id=config_id, template=template)

    async def create(self, request: Request) -> Response:
        typed = await request.form()
        form, config_id = TokenForm.read(typed), str(typed.get("config_id", ""))
        try:
            origin = await self._origin(request, form)
        except NoAnswer:
            return self._unanswered(request, form)
        shown = {"config_id": config_id, **origin}
        base, original = self._base(origin), origin.get("original")
        outcome = understand(
            form,
            base,
            self._console.installation_key,
            is_new=True,
            has_secret=original is not None and original.client_secret_set,
        )
        if outcome.edits is None:
            return self._add_page(request, outcome.form, base, problems=outcome.problems, status=422, **shown)
        try:
            saved = await self._create(request, config_id, outcome.edits, origin)
        except (ReplyError, NoAnswer) as error:
            return self._add_page(request, outcome.form, base, error=error, **shown)
        if form.get("action") == "request":
            return await self._authorizations.begin(request, saved.config_id, min_revision=saved.revision)
        return self._console.go(f"/tokens/{saved.config_id}?revision={saved.revision}", said="added")

    async def edit(self, request: Request) -> Response:
        view = await self._view(request, request.path_params["config_id"])
        return self._edit_page(request, TokenForm.of(view.config), view)

    async def update(self, request: Request) -> Response:
        form = TokenForm.read(await request.form())
        config_id = request.path_params["config_id"]
        try:
            view = await self._view(request, config_id)
        except NoAnswer:
            return self._unanswered(request, form)
        outcome = understand(
            form, view.config, self._console.installation_key, is_new=False, has_secret=view.client_secret_set
        )
        form = outcome.form
        if outcome.edits is None:
            return self._edit_page(request, form, view, problems=outcome.problems, status=422)
        if form.get("expected_revision") != str(view.revision):
            return self._edit_page(request, form, view, conflict=conflicts(form, view.config), status=409)
        try:
            return await self._update(request, form, view, outcome.edits)
        except (ReplyError, NoAnswer) as error:
            return await self._not_updated(request, form, view, error)

    async def _update(self, request: Request, form: TokenForm, view: ConfigView, edits: FieldEdits) -> Response:
        """Say first what a change means, then store it."""
        command = ConfigUpdate(
            config_id=view.config_id, expected_revision=view.revision, fields=edits, dry_run=not form.get("confirmed")
        )
        saved = await self._console.ask(request, command, ConfigSaved, config_id=view.config_id)
        if command.dry_run and saved.new_login != "no":
            return self._edit_page(request, form, view, means=saved.new_login)
        if command.dry_run:
            command = command.model_copy(update={"dry_run": False})
            saved = await self._console.ask(request, command, ConfigSaved, config_id=view.config_id)
        return self._console.go(f"/tokens/{view.config_id}?revision={saved.revision}", said="saved")

    async def _not_updated(
        self, request: Request, form: TokenForm, view: ConfigView, error: ReplyError | NoAnswer
    ) -> Response:
        if isinstance(error, ReplyError) and error.code == "revision_conflict":
            view = await self._view(request, view.config_id)
            return self._edit_page(request, form, view, conflict=conflicts(form, view.config), status=409)
        return self._edit_page(request, form, view, error=error)

    async def _create(
        self, request: Request, config_id: str, edits: FieldEdits, origin: Mapping[str, Any]
    ) -> ConfigSaved:
        template, original = origin.get("template"), origin.get("original")
        command = ConfigCreate(
            config_id=config_id,
            template=template.slug if template else None,
            copy_of=original.config_id if original else None,
            fields=edits,
        )
        return await self._console.ask(request, command, ConfigSaved, config_id=config_id)

    async def _origin(self, request: Request, form: TokenForm) -> dict[str, TemplateView | ConfigView]:
        if form.get("copy_of"):
            return {"original": await self._view(request, form.get("copy_of"))}
        templates = (await self._console.ask(request, TemplateList(), TemplatePage)).templates
        found = [one for one in templates if one.slug == form.get("template")]
        if not found:
            raise ReplyError("template_unknown", form.get("template"))
        return {"template": found[0]}

    @staticmethod
    def _base(origin: Mapping[str, Any]) -> TokenConfig:
        config = next(iter(origin.values())).config
        assert isinstance(config, TokenConfig)  # noqa: S101 - a template's or a config's
        return config

    async def _view(self, request: Request, config: str) -> ConfigView:
        return await self._console.ask(request, ConfigGet(config=config), ConfigView, config_id=config)

    def _add_page(
        self,
        request: Request,
        form: TokenForm,
        base: TokenConfig,
        *,
        config_id: str,
        template: TemplateView | None = None,
        original: ConfigView | None = None,
        **trouble: Any,
    ) -> Response:
        return self._form_page(
            request,
            "token_add.html",
            form,
            base,
            config_id=config_id,
            template=template,
            original=original,
            has_secret=original is not None and original.client_secret_set,
            redirect_uri=self._redirect_uri(form, base),
            **trouble,
        )

    def _edit_page(self, request: Request, form: TokenForm, view: ConfigView, **trouble: Any) -> Response:
        return self._form_page(
            request,
            "token_edit.html",
            form,
            view.config,
            view=view,
            has_secret=view.client_secret_set,
            redirect_uri=self._redirect_uri(form, view.config),
            means=trouble.pop("means", None),
            conflict=trouble.pop("conflict", None),
            **trouble,
        )

    def _form_page(
        self,
        request: Request,
        page: str,
        form: TokenForm,
        base: TokenConfig,
        *,
        problems: Mapping[str, str] | None = None,
        error: ReplyError | NoAnswer | None = None,
        status: int = 200,
        **context: Any,
    ) -> Response:
        words = self._console.words(request)
        said = {name: words(key, limit="") for name, key in (problems or {}).items()}
        lines: list[str] = []
        if isinstance(error, NoAnswer):
            lines, status = [words("bus.down"), words("bus.down_hint")], 503
        elif error is not None:
            lines, status = error_lines(error, words), 409
            said |= complaints(error)
        return self._console.page(
            request, page, status=status, form=form, base=base, problems=said, lines=lines, taken=taken(error), **context
        )

    def _redirect_uri(self, form: TokenForm, base: TokenConfig) -> str | None:
        if base.auth_flow != "AuthorizationCode":
            return None
        return redirect_uri(base, self._console.settings.origin)

    def _unanswered(self, request: Request, form: TokenForm) -> Response:
        """Keep what was typed where not even the form's template can be asked for: sent again as it is."""
        return self._console.page(request, "form_unanswered.html", status=503, form=form)


def complaints(error: ReplyError) -> dict[str, str]:
    """Sort a service's complaints to the fields they are about."""
    found = (Detail.model_validate(detail) for detail in error.details)
    return {field_of(one.field): views.detail(one) for one in found if field_of(one.field)}


def taken(error: Exception | None) -> str | None:
    """Return the id of the token that has the name already, where the service tells."""
    if isinstance(error, ReplyError) and error.code == "name_taken":
        return str(error.facts.get("config_id", "")) or None
    return None


def conflicts(form: TokenForm, theirs: TokenConfig) -> list[tuple[str, str, str]]:
    """List what differs between a form and what somebody else stored meanwhile: field, theirs, mine."""
    stored = TokenForm.of(theirs)
    return [(name, value, form.get(name)) for name, value in stored.values.items() if value != form.get(name)]
