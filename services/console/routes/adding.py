"""Add and Duplicate: choose a template or a token, fill in, save, and perhaps log in at once."""

from dataclasses import dataclass
from typing import Any, Self

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from grantkeeper.names import name_key
from grantkeeper_client import ReplyError
from schemas.config_commands import ConfigCreate, ConfigGet, FieldEdits, TemplateList
from schemas.config_results import ConfigSaved, ConfigView, TemplatePage, TemplateView
from schemas.token_config import TokenConfig
from services.console.asking import NoAnswer
from services.console.console import Console, person
from services.console.forms import understand
from services.console.routes.authorizations import Authorizations
from services.console.routes.form_page import FormPage
from services.console.token_form import TokenForm


@dataclass(frozen=True, slots=True)
class Origin:
    """What a new token starts from: a template, or another token."""

    config: TokenConfig
    template: TemplateView | None = None
    original: ConfigView | None = None

    @classmethod
    def of_template(cls, template: TemplateView) -> Self:
        return cls(template.config, template=template)

    @classmethod
    def of_token(cls, original: ConfigView) -> Self:
        return cls(original.config, original=original)

    @property
    def has_secret(self) -> bool:
        """Whether a client secret comes with it."""
        return self.original is not None and self.original.client_secret_set


class Adding:
    """The pages behind Add and Duplicate."""

    def __init__(self, console: Console, authorizations: Authorizations) -> None:
        self._console = console
        self._authorizations = authorizations
        self._page = FormPage(console, "token_add.html")

    def routes(self) -> list[Route]:
        return [
            Route("/tokens/new", self.new, methods=["GET"]),
            Route("/tokens", self.create, methods=["POST"]),
        ]

    async def new(self, request: Request) -> Response:
        """Choose a template, then fill it in; or start from a token that there is."""
        query = request.query_params
        config_id = self._console.ids.uuid7()
        if query.get("copy_of"):
            origin = Origin.of_token(await self._token(request, query["copy_of"]))
            name = self._console.words(request)("add.copy_of", name=origin.config.name)
            form = TokenForm.of(origin.config, name=name)
            return self._page.draw(request, form, origin.config, config_id=config_id, origin=origin)
        templates = await self._templates(request)
        template = next((one for one in templates if one.slug == query.get("template")), None)
        if template is None:
            return self._console.page(request, "template_choice.html", templates=templates)
        form = TokenForm.of(template.config, name="")
        origin = Origin.of_template(template)
        return self._page.draw(request, form, origin.config, config_id=config_id, origin=origin)

    async def create(self, request: Request) -> Response:
        form = TokenForm.read(await request.form())
        try:
            origin = await self._origin(request, form)
        except NoAnswer:
            return self._page.keep(request, form)
        shown: dict[str, Any] = {"config_id": form.get("config_id"), "origin": origin}
        key = self._console.installation_key
        outcome = understand(form, origin.config, key, is_new=True, has_secret=origin.has_secret)
        if outcome.edits is None:
            return self._page.draw(request, outcome.form, origin.config, problems=outcome.problems, **shown)
        try:
            saved = await self._create(request, form.get("config_id"), outcome.edits, origin)
        except (ReplyError, NoAnswer) as trouble:
            return self._page.draw(request, outcome.form, origin.config, trouble=trouble, **shown)
        if form.get("action") == "request":
            return await self._authorizations.begin_new(request, saved, origin.config)
        return self._console.go(f"/tokens/{saved.config_id}?revision={saved.revision}", said="added")

    async def _create(self, request: Request, config_id: str, edits: FieldEdits, origin: Origin) -> ConfigSaved:
        command = ConfigCreate(
            config_id=config_id,
            template=origin.template.slug if origin.template else None,
            copy_of=origin.original.config_id if origin.original else None,
            fields=edits,
        )
        try:
            return await self._console.ask(request, command, ConfigSaved, config_id=config_id)
        except ReplyError as refused:
            if not any(detail.get("field") == "config_id" for detail in refused.details):
                raise
            return await self._stored_before(request, command, refused)

    async def _stored_before(self, request: Request, command: ConfigCreate, refused: ReplyError) -> ConfigSaved:
        """Return what this form stored when its first answer was lost; else raises the refusal."""
        view = await self._token(request, command.config_id)
        mine = view.revision == 1 and view.changed_by == person(request).name
        if not mine or name_key(view.name) != name_key(command.fields.name or ""):
            raise refused
        return ConfigSaved(
            config_id=view.config_id, name=view.name, revision=view.revision, validity=view.config.validity
        )

    async def _origin(self, request: Request, form: TokenForm) -> Origin:
        if form.get("copy_of"):
            return Origin.of_token(await self._token(request, form.get("copy_of")))
        for template in await self._templates(request):
            if template.slug == form.get("template"):
                return Origin.of_template(template)
        raise ReplyError("template_unknown", form.get("template"))

    async def _templates(self, request: Request) -> tuple[TemplateView, ...]:
        return (await self._console.ask(request, TemplateList(), TemplatePage)).templates

    async def _token(self, request: Request, config: str) -> ConfigView:
        return await self._console.ask(request, ConfigGet(config=config), ConfigView, config_id=config)
