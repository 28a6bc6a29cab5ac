"""The overview of all tokens, and the page of one."""

import asyncio
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from grantkeeper.oauth2.redirect import redirect_uri
from grantkeeper_client import ReplyError
from schemas.config_commands import ConfigGet, ConfigHistory
from schemas.config_results import ConfigHistoryPage, ConfigView
from schemas.envelope import Message, Model
from schemas.reasons import PUBLIC_STATES
from schemas.token_requests import TokenList, TokenPage, TokenStatusGet, TokenStatusView
from services.console import views
from services.console.asking import NoAnswer
from services.console.console import Console
from services.console.selection import PAGE_SIZE, Selection, page_number

Result = TypeVar("Result", bound=Model)


class Tokens:
    """What can be seen of tokens."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[Route]:
        return [
            Route("/", self.home, methods=["GET"]),
            Route("/tokens", self.overview, methods=["GET"]),
            Route("/tokens/next-login", self.next_login, methods=["GET"]),
            Route("/tokens/{config_id}", self.token, methods=["GET"]),
            Route("/tokens/{config_id}/history", self.history, methods=["GET"]),
        ]

    async def home(self, _request: Request) -> Response:
        return RedirectResponse("/tokens", status_code=303)

    async def overview(self, request: Request) -> Response:
        selection = Selection.read(request.query_params)
        try:
            found = await self._console.ask(request, selection.request(), TokenPage)
        except NoAnswer:
            return self._console.page(request, "tokens_unanswered.html", status=503, selection=selection)
        now, words = self._console.clock.now(), self._console.words(request)
        pages = max(1, -(-found.total // PAGE_SIZE))
        return self._console.page(
            request,
            "tokens.html",
            selection=selection,
            rows=[views.row(status, now, words) for status in found.rows],
            total=found.total,
            states={state: found.states.get(state, 0) for state in PUBLIC_STATES},
            pages=pages,
            need_login=sum(found.states.get(state, 0) for state in views.WORK_LIST),
        )

    async def next_login(self, request: Request) -> Response:
        """Go to the next token of the work list."""
        question = TokenList(states=views.WORK_LIST, sort="state", limit=1)
        found = await self._console.ask(request, question, TokenPage)
        path = f"/tokens/{found.rows[0].config_id}/authorize" if found.rows else "/tokens"
        return RedirectResponse(path, status_code=303)

    async def token(self, request: Request) -> Response:
        config_id = request.path_params["config_id"]
        try:
            known = await look_up(self._console, request, config_id)
        except NoAnswer:
            return self._console.page(request, "token_unanswered.html", status=503, config_id=config_id)
        words = self._console.words(request)
        return self._console.page(
            request,
            "token.html",
            config_id=known.config_id,
            view=known.view,
            row=known.row,
            redirect_uri=self._redirect_uri(known.view),
            remarks=[views.finding(one, words) for one in known.view.findings] if known.view else [],
        )

    async def history(self, request: Request) -> Response:
        config_id = request.path_params["config_id"]
        before = page_number(request.query_params.get("before"))
        question = ConfigHistory(config=config_id, before_revision=before if before > 1 else None, limit=20)
        found = await self._console.ask(request, question, ConfigHistoryPage, config_id=config_id)
        return self._console.page(request, "history.html", history=found)

    def _redirect_uri(self, view: ConfigView | None) -> str | None:
        if view is None or view.config.auth_flow != "AuthorizationCode":
            return None
        return redirect_uri(view.config, self._console.settings.origin)


@dataclass(frozen=True, slots=True)
class Known:
    """One token as both services know it; either may be silent."""

    config_id: str
    view: ConfigView | None
    row: views.Row | None


async def look_up(console: Console, request: Request, config_id: str) -> Known:
    """Ask both services about one token at the same time; raises what both say, or NoAnswer."""
    revision = page_number(request.query_params.get("revision"))
    status_question = TokenStatusGet(config=config_id, min_revision=revision if revision > 1 else None)
    view, status = await asyncio.gather(
        _if_answered(console, request, ConfigGet(config=config_id), ConfigView),
        _if_answered(console, request, status_question, TokenStatusView),
    )
    if isinstance(view, ReplyError):
        raise view
    row = None
    if isinstance(status, TokenStatusView):
        row = views.row(status.status, console.clock.now(), console.words(request))
    if view is None and row is None:
        raise NoAnswer(config_id)
    return Known(view.config_id if view else config_id, view, row)


async def _if_answered(
    console: Console, request: Request, message: Message, answer: type[Result]
) -> Result | ReplyError | None:
    try:
        return await console.ask(request, message, answer, config_id=request.path_params["config_id"])
    except ReplyError as error:
        return error
    except NoAnswer:
        return None
