"""A login at a provider: to the provider and back. Only the browser and the person who started it can finish it."""

from hashlib import sha256
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from grantkeeper.oauth2.redirect import CALLBACK, MalformedRedirect, RedirectAnswer, read_redirect
from grantkeeper_client import ReplyError, seal_to_installation
from schemas.config_results import ConfigSaved
from schemas.token_config import TokenConfig
from schemas.token_requests import (
    AuthorizationComplete,
    AuthorizationCompleted,
    AuthorizationStart,
    AuthorizationStarted,
    TokenRefresh,
    TokenStatusView,
)
from services.console import views
from services.console.asking import PROVIDER, NoAnswer
from services.console.console import Console, person
from services.console.routes.device_logins import has_device_flow
from services.console.routes.lookup import stored_config, token_status
from services.console.routes.problems import error_lines
from services.console.sessions import StartedAuthorization

NONCE_BYTES: Final = 32
ERROR_LENGTH: Final = 200
DESCRIPTION_LENGTH: Final = 2000
"""Characters of what a provider says about a failed login, as the contract takes them."""


class Authorizations:
    """Start, come back, or paste what another browser came back with."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[Route]:
        return [
            Route("/tokens/{config_id}/authorize", self.ask, methods=["GET"]),
            Route("/tokens/{config_id}/authorize", self.start, methods=["POST"]),
            Route("/tokens/{config_id}/authorize/paste", self.paste, methods=["POST"]),
            Route("/oauth2/callback/{slug}", self.come_back, methods=["GET"]),
        ]

    async def ask(self, request: Request) -> Response:
        """The page that a notification links to; its buttons start."""
        view = await stored_config(self._console, request)
        return self._console.page(request, "authorize_ask.html", view=view, device=has_device_flow(view.config))

    async def start(self, request: Request) -> Response:
        """Start a login and show where it goes; a program's own login is done at once."""
        view = await stored_config(self._console, request)
        if view.config.mints:
            known = await token_status(self._console, request, min_revision=view.revision)
            return await self._log_in_program(request, view.config_id, known.generation, view.revision)
        return await self._send_away(request, view.config_id, view.revision)

    async def begin_new(self, request: Request, saved: ConfigSaved, config: TokenConfig) -> Response:
        """Go on with a token that was saved a moment ago; what goes wrong now does not undo the saving."""
        words = self._console.words(request)
        try:
            if config.mints:
                return await self._log_in_program(request, saved.config_id, 0, saved.revision)
            return await self._send_away(request, saved.config_id, saved.revision)
        except ReplyError as error:
            lines, status = error_lines(error, words), 409
        except NoAnswer:
            lines, status = [words("bus.down"), words("bus.down_hint")], 503
        lines = [words("authorize.saved_only"), *lines]
        return self._console.page(
            request, "authorize_failed.html", status=status, config_id=saved.config_id, lines=lines
        )

    async def paste(self, request: Request) -> Response:
        """Finish with the address at which another browser came back."""
        address = str((await request.form()).get("url", "")).strip()
        view = await stored_config(self._console, request)
        problem = self._wrong_address(request, address)
        if problem:
            return self._console.page(request, "authorize_paste.html", status=422, view=view, problem=problem)
        sealed = seal_to_installation(
            self._console.installation_key, address, use="redirect_url", bound={"config_id": view.config_id}
        )
        started = self._console.sessions.started_authorization(request, _state(address))
        command = AuthorizationComplete(
            config=view.config_id, redirect_url=sealed, nonce=started.nonce if started else None
        )
        return await self._complete(request, view.config_id, command)

    async def come_back(self, request: Request) -> Response:
        """Take what the provider sent through the browser; public, since another browser may be the one that comes."""
        try:
            answer = read_redirect(request.url.query)
        except MalformedRedirect:
            return self._elsewhere(request, "authorize.elsewhere_no_state")
        started = self._console.sessions.started_authorization(request, answer.state or "")
        if started is None:
            return self._elsewhere(request, "authorize.elsewhere")
        user = request.state.user
        if user is None:
            return RedirectResponse(f"/login?next={_quoted(request)}", status_code=303)
        if user.name != started.user or not user.is_admin:
            return self._elsewhere(request, "authorize.elsewhere")
        if not self._is_its_redirect_uri(request, started):
            return self._elsewhere(request, "authorize.elsewhere_mismatch")
        return await self._complete(request, started.config_id, self._command(answer, started))

    def _is_its_redirect_uri(self, request: Request, started: StartedAuthorization) -> bool:
        """Whether the browser came back where this login was to come back: what another server sent is not taken."""
        own = self._console.settings.origin
        # A redirect URI of another origin is a proxy's, which is known to pass it on here.
        return started.redirect_uri == own + request.url.path or not started.redirect_uri.startswith(own + CALLBACK)

    def _command(self, answer: RedirectAnswer, started: StartedAuthorization) -> AuthorizationComplete:
        state = answer.state or ""
        sealed = None
        if answer.code is not None:
            bound = {"state_hash": sha256(state.encode()).hexdigest()}
            code = answer.code.get_secret_value()
            sealed = seal_to_installation(self._console.installation_key, code, use="authorization_code", bound=bound)
        return AuthorizationComplete(
            config=started.config_id,
            code=sealed,
            state=state,
            iss=answer.iss,
            nonce=started.nonce,
            error=None if sealed else (answer.error or "")[:ERROR_LENGTH],
            error_description=None if sealed else (answer.error_description or "")[:DESCRIPTION_LENGTH],
        )

    async def _complete(self, request: Request, config_id: str, command: AuthorizationComplete) -> Response:
        """Hand it in and say what became of it; loading the page again gives the same answer, not a second try."""
        try:
            done = await self._console.ask(
                request, command, AuthorizationCompleted, config_id=config_id, deadline=PROVIDER
            )
        except ReplyError as error:
            words = self._console.words(request)
            declined = command.error == "access_denied"
            lines = [words("authorize.declined")] if declined else error_lines(error, words)
            return self._console.page(request, "authorize_failed.html", status=409, config_id=config_id, lines=lines)
        return self._connected(request, done)

    async def _log_in_program(self, request: Request, config_id: str, generation: int, revision: int) -> Response:
        question = TokenRefresh(config=config_id, generation=generation, min_revision=revision)
        await self._console.ask(request, question, TokenStatusView, config_id=config_id, deadline=PROVIDER)
        return self._console.go(f"/tokens/{config_id}", said="refreshed")

    async def _send_away(self, request: Request, config_id: str, revision: int) -> Response:
        nonce = self._console.ids.token(NONCE_BYTES)
        hashed = sha256(nonce.encode()).hexdigest()
        question = AuthorizationStart(config=config_id, nonce_hash=hashed, min_revision=revision)
        started = await self._console.ask(request, question, AuthorizationStarted, config_id=config_id)
        return self._started(request, started, nonce)

    def _started(self, request: Request, started: AuthorizationStarted, nonce: str) -> Response:
        if urlsplit(started.url).scheme not in {"https", "http"}:
            raise ReplyError("authorization_failed", "The address for the login is not a web address.")
        response = self._console.page(request, "authorize.html", started=started)
        self._console.sessions.start_authorization(
            request,
            response,
            _state(started.url),
            StartedAuthorization(person(request).name, started.config_id, started.redirect_uri, nonce),
        )
        return response

    def _connected(self, request: Request, done: AuthorizationCompleted) -> Response:
        row = views.row(done.status, self._console.clock.now(), self._console.words(request))
        return self._console.page(request, "authorize_done.html", row=row, notes=done.notes)

    def _elsewhere(self, request: Request, key: str) -> Response:
        words = self._console.words(request)
        return self._console.page(
            request,
            "authorize_elsewhere.html",
            status=400,
            text=words(key),
            address=_public_address(self._console, request),
        )

    def _wrong_address(self, request: Request, address: str) -> str | None:
        words = self._console.words(request)
        if not address:
            return words("authorize.paste_empty")
        try:
            read_redirect(address)
        except MalformedRedirect:
            start = self._console.settings.origin + CALLBACK
            return words("authorize.paste_wrong", start=start)
        return None


def _state(address: str) -> str:
    """Return the state of an authorization request or answer."""
    return parse_qs(urlsplit(address).query).get("state", [""])[0]


def _public_address(console: Console, request: Request) -> str:
    """Write the address of this request as browsers know it."""
    return f"{console.settings.origin}{request.url.path}?{request.url.query}"


def _quoted(request: Request) -> str:
    return quote(f"{request.url.path}?{request.url.query}", safe="")
