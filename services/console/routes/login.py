"""Who is there: log in, log out, language and colours."""

import asyncio
import math
from typing import Final

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from grantkeeper.process.logging import get_logger
from services.console.console import THEMES, Console
from services.console.throttle import Throttle, attempt
from services.console.users import NAME, User

HOME: Final = "/tokens"
PREFERENCES_LIFETIME: Final = 365 * 86_400
"""Seconds."""
BROWSER_BYTES: Final = 16
AT_ONCE: Final = 2
"""Passwords checked at the same time: each takes a processor and 64 MiB for a moment."""

log = get_logger(__name__)


class Login:
    """Login, logout, preferences."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._throttle = Throttle(console.clock)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._warned = False

    def routes(self) -> list[Route]:
        return [
            Route("/login", self.show, methods=["GET"]),
            Route("/login", self.log_in, methods=["POST"]),
            Route("/logout", self.log_out, methods=["POST"]),
            Route("/preferences", self.preferences, methods=["GET"]),
            Route("/preferences", self.save_preferences, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        if request.state.user is not None:
            return RedirectResponse(local_path(request.query_params.get("next", "")), status_code=303)
        return self._form(request, next_path=request.query_params.get("next", ""))

    async def log_in(self, request: Request) -> Response:
        form = await request.form()
        name, next_path = str(form.get("name", ""))[:100], str(form.get("next", ""))
        words = self._console.words(request)
        tried = attempt(name, self._address(request), self._console.sessions.known_browser(request, name))
        wait = self._throttle.take(tried)
        if wait > 0:
            text = words("login.throttled", count=math.ceil(wait))
            return self._form(request, next_path=next_path, name=name, error=text, status=429)
        user = await self._checked(name, SecretStr(str(form.get("password", ""))))
        if user is None:
            return self._form(request, next_path=next_path, name=name, error=words("login.wrong"), status=401)
        self._throttle.passed(tried)
        response = RedirectResponse(local_path(next_path), status_code=303)
        self._console.sessions.log_in(response, user)
        self._console.sessions.remember_browser(response, user, self._console.ids.token(BROWSER_BYTES))
        return response

    async def log_out(self, request: Request) -> Response:
        request.state.user = None
        response = self._form(request, note=self._console.words(request)("login.logged_out"))
        self._console.sessions.log_out(response)
        return response

    async def preferences(self, request: Request) -> Response:
        return self._console.page(request, "preferences.html", themes=THEMES)

    async def save_preferences(self, request: Request) -> Response:
        form = await request.form()
        response = self._console.go("/preferences", said="preferences")
        for name, allowed in (("language", self._console.catalogue.names), ("theme", THEMES)):
            value = str(form.get(name, ""))
            if value in allowed:
                response.set_cookie(
                    name,
                    value,
                    max_age=PREFERENCES_LIFETIME,
                    secure=self._console.settings.secure,
                    httponly=True,
                    samesite="lax",
                )
        return response

    def _address(self, request: Request) -> str:
        """Return the sender's address, said by a proxy only where that one is trusted (app.py)."""
        if "x-forwarded-for" in request.headers and not self._console.settings.web.trusted_proxies and not self._warned:
            self._warned = True
            log.warning(
                "a proxy's X-Forwarded-For is not believed, so all persons behind it count as one place",
                cure="set GRANTKEEPER_WEB__TRUSTED_PROXIES to the addresses of your proxies",
            )
        return request.client.host if request.client else ""

    async def _checked(self, name: str, password: SecretStr) -> User | None:
        if not NAME.fullmatch(name):
            return None
        async with self._slots:
            return await asyncio.to_thread(self._console.users.check, name, password)

    def _form(
        self,
        request: Request,
        *,
        next_path: str = "",
        name: str = "",
        error: str = "",
        note: str = "",
        status: int = 200,
    ) -> Response:
        return self._console.page(
            request,
            "login.html",
            status=status,
            next_path=next_path,
            name=name,
            error=error,
            note=note,
            nobody=bool(self._console.users.problems()),
        )


def local_path(wanted: str) -> str:
    """Return a path of this console, whatever a link asked for: a login must not lead to another site."""
    if wanted.startswith("/") and not wanted.startswith(("//", "/\\", "/login")) and wanted.isprintable():
        return wanted
    return HOME
