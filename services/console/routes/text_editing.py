"""Edit, by the YAML itself: errors stand at their lines, a save in between is shown as a difference."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from grantkeeper.strict_yaml import StrictYamlError
from grantkeeper_client import ReplyError
from schemas.config_results import ConfigView
from schemas.replies import Detail
from services.console import record_text
from services.console.asking import NoAnswer
from services.console.console import Console
from services.console.routes.lookup import stored_config
from services.console.routes.problems import error_lines
from services.console.routes.saving import Means, Saving
from services.console.token_form import TokenForm
from services.console.words import Words


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands around the text."""

    lines: Sequence[str] = ()
    errors: Sequence[record_text.Marked] = ()
    means: Means | None = None
    conflict: Sequence[str] | None = None
    status: int = 200
    secret_cut: bool = False
    """A secret in the clear stood in a text that cannot be read; it has to be typed again."""


@dataclass(frozen=True, slots=True)
class Typed:
    """What a browser sent; the text may hold a secret in the clear."""

    text: str = field(repr=False)
    expected_revision: str
    confirmed: bool


class TextEditing:
    """The page behind YAML."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._saving = Saving(console)

    def routes(self) -> list[Route]:
        return [
            Route("/tokens/{config_id}/yaml", self.edit, methods=["GET"]),
            Route("/tokens/{config_id}/yaml", self.update, methods=["POST"]),
        ]

    async def edit(self, request: Request) -> Response:
        view = await stored_config(self._console, request)
        return self._draw(request, view, view.text, Shown())

    async def update(self, request: Request) -> Response:
        form = await request.form()
        typed = Typed(
            str(form.get("text", "")).replace("\r\n", "\n"),
            expected_revision=str(form.get("expected_revision", "")),
            confirmed=bool(form.get("confirmed")),
        )
        try:
            text = record_text.sealed(typed.text, self._console.installation_key)
        except StrictYamlError as error:
            return await self._unreadable(request, typed, error)
        try:
            view = await stored_config(self._console, request)
        except NoAnswer:
            return self._keep(request, text, typed)
        if typed.expected_revision != str(view.revision):
            return self._draw(request, view, text, _conflict(view, text))
        return await self._save(request, view, text, confirmed=typed.confirmed)

    async def _save(self, request: Request, view: ConfigView, text: str, *, confirmed: bool) -> Response:
        words = self._console.words(request)
        try:
            sent = record_text.with_line_ends_of(view.text, text)
            done = await self._saving.save(request, view, text=sent, confirmed=confirmed)
        except NoAnswer:
            return self._draw(request, view, text, Shown([words("bus.down"), words("bus.down_hint")], status=503))
        except ReplyError as error:
            if error.code == "revision_conflict":
                view = await stored_config(self._console, request)
                return self._draw(request, view, text, _conflict(view, text))
            return self._draw(request, view, text, _refused(error, text, words))
        return done if isinstance(done, Response) else self._draw(request, view, text, Shown(means=done))

    async def _unreadable(self, request: Request, typed: Typed, error: StrictYamlError) -> Response:
        kept = record_text.without_secret(typed.text)
        try:
            view = await stored_config(self._console, request)
        except NoAnswer:
            return self._keep(request, kept, typed)
        detail = Detail(line=error.line, column=error.column, problem=error.problem, cure=error.cure)
        stale = typed.expected_revision != str(view.revision)
        shown = Shown(
            errors=record_text.marked(kept, [detail]),
            conflict=record_text.difference(view.text, kept) if stale else None,
            secret_cut=kept != typed.text,
            status=422,
        )
        return self._draw(request, view, kept, shown)

    def _keep(self, request: Request, text: str, typed: Typed) -> Response:
        """Keep what was typed where not even the page can be drawn."""
        form = TokenForm({"text": text, "expected_revision": typed.expected_revision})
        return self._console.page(request, "form_unanswered.html", status=503, form=form)

    def _draw(self, request: Request, view: ConfigView, text: str, shown: Shown) -> Response:
        return self._console.page(request, "token_yaml.html", status=shown.status, view=view, text=text, shown=shown)


def _conflict(view: ConfigView, text: str) -> Shown:
    return Shown(conflict=record_text.difference(view.text, text), status=409)


def _refused(error: ReplyError, text: str, words: Words) -> Shown:
    details = [Detail.read(one) for one in error.details]
    errors = record_text.marked(text, [one for one in details if one.line is not None])
    return Shown([] if errors else error_lines(error, words), errors, status=409)
