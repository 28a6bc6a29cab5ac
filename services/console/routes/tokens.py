"""The overview of all tokens, and the page of one."""

import asyncio

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from grantkeeper.oauth2.redirect import redirect_uri
from schemas.config_commands import ConfigHistory
from schemas.config_results import ConfigHistoryPage, ConfigView
from schemas.reasons import PUBLIC_STATES
from schemas.token_requests import TokenList, TokenPage, TokenStatusGet, TokenStatusView
from services.console import views
from services.console.asking import NoAnswer
from services.console.console import Console
from services.console.routes.device_logins import has_device_flow
from services.console.routes.lookup import if_answered, look_up
from services.console.selection import PAGE_SIZE, Selection, page_number


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
        """Go to the next token of the work list; by name its states stand the other way round."""
        question = TokenList(states=views.WORK_LIST, sort="state", descending=True, limit=1)
        found = await self._console.ask(request, question, TokenPage)
        path = f"/tokens/{found.rows[0].config_id}/authorize" if found.rows else "/tokens"
        return RedirectResponse(path, status_code=303)

    async def token(self, request: Request) -> Response:
        try:
            known = await look_up(self._console, request)
        except NoAnswer:
            config_id = request.path_params["config_id"]
            return self._console.page(request, "token_unanswered.html", status=503, config_id=config_id)
        words = self._console.words(request)
        return self._console.page(
            request,
            "token.html",
            known=known,
            device=known.view is not None and has_device_flow(known.view.config),
            redirect_uri=self._redirect_uri(known.view),
            remarks=[views.finding(one, words) for one in known.view.findings] if known.view else [],
        )

    async def history(self, request: Request) -> Response:
        """Who changed what, and on the first page what the provider answered lately."""
        config_id = request.path_params["config_id"]
        before = page_number(request.query_params.get("before"))
        question = ConfigHistory(config=config_id, before_revision=before if before > 1 else None, limit=20)
        found, status = await asyncio.gather(
            self._console.ask(request, question, ConfigHistoryPage, config_id=config_id),
            if_answered(self._console, request, TokenStatusGet(config=config_id), TokenStatusView),
        )
        attempts = status.status.attempts if isinstance(status, TokenStatusView) else None
        return self._console.page(request, "history.html", history=found, attempts=attempts, first=before == 1)

    def _redirect_uri(self, view: ConfigView | None) -> str | None:
        if view is None or view.config.auth_flow != "AuthorizationCode":
            return None
        return redirect_uri(view.config, self._console.settings.origin)
