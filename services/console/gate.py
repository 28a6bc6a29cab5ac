"""The one place every request passes before a page sees it: right host, same origin, who it is, whether they may."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.console.console import Console
from services.console.routes.problems import Problems
from services.console.security import SAFE_METHODS, is_public, may_send, right_host, same_origin
from services.console.users import User, UsersFileError


class Gate:
    """Lets a request through, or answers in its place."""

    def __init__(self, app: ASGIApp, console: Console, problems: Problems) -> None:
        self._app = app
        self._console = console
        self._problems = problems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, with `request.state.user` set (ASGI)."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        request.state.user = None
        answer = self._refusal(request)
        await (answer or self._app)(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        settings = self._console.settings
        if not right_host(request.url.path, request.headers.get("host", ""), settings):
            return self._problems.refused(request, "refused.host", 421, url=settings.origin)
        if not same_origin(request.method, request.headers, settings.origin):
            return self._problems.refused(request, "refused.cross_site", 403)
        if request.url.path.startswith("/static/"):
            return None
        try:
            user = request.state.user = self._console.sessions.user(request)
        except UsersFileError as error:
            return None if is_public(request.url.path) else self._problems.users_file(request, error)
        return None if is_public(request.url.path) else self._unless_allowed(request, user)

    def _unless_allowed(self, request: Request, user: User | None) -> Response | None:
        if user is None:
            return self._log_in_first(request)
        if not may_send(request.method, request.url.path, is_admin=user.is_admin):
            return self._problems.refused(request, "refused.role", 403)
        return None

    def _log_in_first(self, request: Request) -> Response:
        """Send a page to the login and back; what was typed into a form stays in the browser's hands."""
        if "hx-request" in request.headers:
            return Response(status_code=401, headers={"HX-Redirect": "/login"})
        if request.method not in SAFE_METHODS:
            return self._console.page(request, "session_ended.html", status=401)
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(wanted, safe='')}", status_code=303)
