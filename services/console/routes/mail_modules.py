"""Mail modules and everybody else who may send to the bus: list, one, add, change what it may get."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from grantkeeper_client import ReplyError
from schemas.config_commands import ConfigGet, PrincipalList
from schemas.config_results import ConfigView, PrincipalPage, PrincipalView
from schemas.principals import PrincipalChanged
from schemas.token_requests import TokenList, TokenPage
from schemas.token_status import TokenStatus
from services.console import views
from services.console.asking import NoAnswer
from services.console.console import Console
from services.console.module_form import ModuleForm
from services.console.routes.problems import error_lines

AT_ONCE: Final = 10
"""Tokens looked up at the same time."""
USES_SHOWN: Final = 20
"""Mail modules whose last use the list shows: each is a question to the refresher. The page of one shows it always."""
NAMES_SHOWN: Final = 50
"""Tokens of one principal that are shown by name; the rest is a number."""


class MailModules:
    """The pages of principals."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[Route]:
        return [
            Route("/mail-modules", self.overview, methods=["GET"]),
            Route("/mail-modules", self.create, methods=["POST"]),
            Route("/mail-modules/new", self.new, methods=["GET"]),
            Route("/mail-modules/{principal}", self.show, methods=["GET"]),
            Route("/mail-modules/{principal}", self.save, methods=["POST"]),
            Route("/mail-modules/{principal}/edit", self.edit, methods=["GET"]),
        ]

    async def overview(self, request: Request) -> Response:
        found = await principals(self._console, request)
        modules = [one for one in found if one.role == "mail"]
        others = [one for one in found if one.role != "mail"]
        groups = (("mail", modules), ("others", others))
        return self._console.page(
            request, "mail_modules.html", groups=groups, last=await self._last_uses(request, modules)
        )

    async def new(self, request: Request) -> Response:
        return self._form(request, ModuleForm(), known=None)

    async def create(self, request: Request) -> Response:
        form = ModuleForm.read(await request.form())
        problems = form.problems()
        if problems:
            return self._form(request, form, known=None, problems=problems)
        return await self._store(request, form, known=None)

    async def show(self, request: Request) -> Response:
        one = await find(self._console, request)
        names = await self._names(request, (one.configs or ())[:NAMES_SHOWN])
        uses = await self._uses(request, one.principal, NAMES_SHOWN) if one.role != "viewer" else None
        return self._console.page(
            request,
            "mail_module.html",
            one=one,
            tokens=names,
            uses=uses,
            days=[_day(row, one.principal) for row in uses.rows] if uses else [],
            is_own=is_own(self._console, one),
            may_download=self._console.sessions.may_download(request, one.principal),
        )

    async def edit(self, request: Request) -> Response:
        one = self._enabled(request, await find(self._console, request))
        return self._form(request, await self._shown(request, one), known=one)

    async def save(self, request: Request) -> Response:
        """Change description and what it may get; id, role and flags stay."""
        known = self._enabled(request, await find(self._console, request))
        typed = ModuleForm.read(await request.form())
        form = replace(typed, principal=known.principal, role=known.role)
        if form.sequence != known.sequence:
            return await self._conflict(request, form, known)
        problems = form.problems()
        if problems:
            return self._form(request, form, known=known, problems=problems)
        return await self._store(request, form, known=known)

    async def _store(self, request: Request, form: ModuleForm, *, known: PrincipalChanged | None) -> Response:
        """Send the command; a new principal comes with the permission to download its credential once."""
        try:
            ids, unknown = await self._ids(request, form)
            if unknown:
                words = self._console.words(request)
                said = words("modules.unknown_token", names=", ".join(unknown))
                return self._form(request, form, known=known, said={"tokens": said})
            command = form.command(ids, acts_for_users=bool(known and known.acts_for_users))
            await self._console.ask(request, command, PrincipalView)
        except (ReplyError, NoAnswer) as trouble:
            if not isinstance(trouble, ReplyError) or trouble.code != "revision_conflict":
                return self._form(request, form, known=known, trouble=trouble)
            if known is None:
                return self._form(request, form, known=None, problems={"principal": "modules.taken"})
            return await self._conflict(request, form, self._enabled(request, await find(self._console, request)))
        response = self._console.go(f"/mail-modules/{form.principal}", said="saved" if known else "module_added")
        if known is None:
            self._console.sessions.allow_download(request, response, form.principal)
        return response

    async def _conflict(self, request: Request, form: ModuleForm, known: PrincipalChanged) -> Response:
        """Show what somebody else stored meanwhile, above a form that keeps what was typed and means it from now on."""
        stored = await self._shown(request, known)
        return self._form(request, replace(form, sequence=known.sequence), known=known, stored=stored)

    async def _shown(self, request: Request, one: PrincipalChanged) -> ModuleForm:
        return ModuleForm.of(one, await self._names(request, one.configs or ()))

    def _enabled(self, request: Request, one: PrincipalChanged) -> PrincipalChanged:
        """Return it; one that is disabled is not edited, since that command would let it in again."""
        if one.disabled:
            raise ReplyError("not_permitted", self._console.words(request)("modules.edit_disabled"))
        return one

    def _form(
        self,
        request: Request,
        form: ModuleForm,
        *,
        known: PrincipalChanged | None,
        problems: Mapping[str, str] | None = None,
        said: Mapping[str, str] | None = None,
        trouble: ReplyError | NoAnswer | None = None,
        stored: ModuleForm | None = None,
    ) -> Response:
        words = self._console.words(request)
        by_field = {name: words(key) for name, key in (problems or {}).items()} | dict(said or {})
        lines: list[str] = []
        status = 409 if stored else 422 if by_field else 200
        if isinstance(trouble, NoAnswer):
            lines, status = [words("bus.down"), words("bus.down_hint")], 503
        elif trouble is not None:
            lines, status = error_lines(trouble, words), 409
        shown: dict[str, Any] = {"form": form, "known": known, "problems": by_field, "lines": lines}
        shown["stored"] = stored
        return self._console.page(request, "mail_module_form.html", status=status, **shown)

    async def _ids(self, request: Request, form: ModuleForm) -> tuple[dict[str, str], list[str]]:
        """Look up tokens by name or id; returns the ids that were found and the names that were not."""
        names = [name for name in form.tokens if name not in form.ids] if form.asks_for_some else []
        found = await self._views(request, names)
        unknown = [name for name, view in zip(names, found, strict=True) if view is None]
        typed = {name: view.config_id for name, view in zip(names, found, strict=True) if view}
        return {**form.ids, **typed}, unknown

    async def _names(self, request: Request, ids: Sequence[str]) -> dict[str, str]:
        """Return names by id; one that is not there any more keeps its id."""
        try:
            found = await self._views(request, ids)
        except NoAnswer:
            found = [None] * len(ids)
        return {config_id: view.name if view else config_id for config_id, view in zip(ids, found, strict=True)}

    async def _last_uses(self, request: Request, modules: Sequence[PrincipalChanged]) -> dict[str, str]:
        """Say on which day each got an access token last, as far as the list is short enough to ask."""
        asked = [one.principal for one in modules[:USES_SHOWN]]
        found = await asyncio.gather(*(self._uses(request, name, 1) for name in asked))
        pages = {name: page for name, page in zip(asked, found, strict=True) if page is not None}
        words = self._console.words(request)
        return {name: _day(page.rows[0], name) if page.rows else words("modules.never") for name, page in pages.items()}

    async def _uses(self, request: Request, principal: str, limit: int) -> TokenPage | None:
        """Return the tokens that a principal got lately, the latest first; None where nobody answers."""
        question = TokenList(used_by=principal, sort="used", descending=True, limit=limit)
        try:
            return await self._console.ask(request, question, TokenPage)
        except NoAnswer:
            return None

    async def _views(self, request: Request, references: Sequence[str]) -> list[ConfigView | None]:
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(reference: str) -> ConfigView | None:
            async with slots:
                try:
                    return await self._console.ask(request, ConfigGet(config=reference), ConfigView)
                except ReplyError as error:
                    if error.code != "not_found":
                        raise
                    return None

        return list(await asyncio.gather(*(one(reference) for reference in references)))


def _day(status: TokenStatus, principal: str) -> str:
    """Return the day on which a principal got this token last."""
    return max((views.day(use.day) for use in status.used_by if use.principal == principal), default="")


async def principals(console: Console, request: Request) -> Sequence[PrincipalChanged]:
    """Ask for all principals."""
    found: list[PrincipalChanged] = []
    cursor: str | None = None
    while True:
        page = await console.ask(request, PrincipalList(cursor=cursor), PrincipalPage)
        found += page.principals
        cursor = page.cursor
        if cursor is None:
            return found


async def find(console: Console, request: Request) -> PrincipalChanged:
    """Return the principal that the path names; raises ReplyError where there is none."""
    name = request.path_params["principal"]
    for one in await principals(console, request):
        if one.principal == name:
            return one
    raise ReplyError("not_found", console.words(request)("modules.not_found"))


def is_own(console: Console, one: PrincipalChanged) -> bool:
    """Whether this is the console itself: who disables that has disabled every page."""
    return one.principal == console.credential.principal
