"""What every page needs, in one value: who asks, in which language, what the bar shows, how a page is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from grantkeeper.process.clock import Clock, Ids
from grantkeeper_client import Credential
from schemas.envelope import Message
from services.console import views
from services.console.asking import QUICK, Asking, Result
from services.console.board import Board
from services.console.bus_view import BusView
from services.console.live import Live
from services.console.security import may_send
from services.console.sessions import Said, Sessions
from services.console.settings import ConsoleSettings
from services.console.users import User, Users
from services.console.words import Catalogue, Words

FOLDER: Final = Path(__file__).parent
MENU: Final = (
    ("tokens", "/tokens"),
    ("notifications", "/notifications"),
    ("templates", "/templates"),
    ("modules", "/mail-modules"),
    ("transfer", "/transfer"),
    ("system", "/system"),
)
THEMES: Final = ("auto", "light", "dark")
BAR_LENGTH: Final = 3
"""Notifications shown on every page; the rest is a number."""


@dataclass(frozen=True, slots=True)
class Console:
    """The collaborators of all pages."""

    settings: ConsoleSettings
    credential: Credential
    asking: Asking
    users: Users
    sessions: Sessions
    bus: BusView
    live: Live
    catalogue: Catalogue
    pages: Environment
    clock: Clock
    ids: Ids

    @property
    def installation_key(self) -> Mapping[str, Any]:
        """The public key to which secrets are sealed before they are sent."""
        return self.credential.installation_key

    @property
    def board(self) -> Board:
        """The open notifications."""
        return self.bus.board

    def words(self, request: Request) -> Words:
        """Return the language of this request."""
        return self.catalogue.choose(request.cookies.get("language"), request.headers.get("accept-language", ""))

    async def ask(self, request: Request, message: Message, answer: type[Result], **options: Any) -> Result:
        """Ask the bus for the person who sent this request; raises ReplyError or NoAnswer."""
        request.state.seen = self._seen(request)  # before the answer: what changes after it is told to the page
        return await self.asking.ask(person(request), message, answer, **{"deadline": QUICK, **options})

    def page(self, request: Request, name: str, /, *, status: int = 200, **context: Any) -> HTMLResponse:
        """Draw a page with its frame."""
        user: User | None = request.state.user
        shared = self._shared(request, user)
        response = HTMLResponse(self.pages.get_template(name).render({**shared, **context}), status_code=status)
        if shared["said"]:
            self.sessions.forget_said(response)
        return response

    def _seen(self, request: Request) -> str:
        return getattr(request.state, "seen", None) or self.live.seen

    def go(self, path: str, *, said: str | None = None, undo: str = "") -> Response:
        """Send the browser on after something was done.

        There one sentence is shown (`said`, a key below `done.`), with a button that takes it back (`undo`, a path to
        post to) where there is a way.
        """
        response = RedirectResponse(path, status_code=303)
        if said is not None:
            self.sessions.say(response, Said(said, undo))
        return response

    def _shared(self, request: Request, user: User | None) -> dict[str, Any]:
        words = self.words(request)
        waiting = self.board.waiting() if user else ()
        said = self.sessions.said(request) if user else None
        return {
            "t": words,
            "user": user,
            "path": request.url.path,
            "menu": [one for one in MENU if user and may_send("GET", one[1], is_admin=user.is_admin)],
            "language": words.language,
            "languages": self.catalogue.names,
            "theme": theme(request),
            "notices": [views.notice(one, words) for one in waiting[:BAR_LENGTH]],
            "waiting": len(waiting),
            "board_complete": self.board.complete,
            "said": said,
            "seen": self._seen(request),
            "now": self.clock.now(),
        }


def person(request: Request) -> User:
    """Return who is logged in; only for paths that the gate lets nobody else reach."""
    user = request.state.user
    if not isinstance(user, User):
        raise TypeError(f"{request.url.path} was reached without a login")
    return user


def theme(request: Request) -> str:
    """Return the colours a person chose."""
    chosen = request.cookies.get("theme", THEMES[0])
    return chosen if chosen in THEMES else THEMES[0]


@cache
def load_pages() -> Environment:
    """Make the template environment: everything is escaped, an unknown name is an error."""
    pages = Environment(
        loader=FileSystemLoader(FOLDER / "pages"),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["moment"] = views.moment
    pages.filters["instant"] = views.instant
    pages.filters["day"] = views.day
    pages.globals["version"] = static_version()
    return pages


@cache
def static_version() -> str:
    """Return a hash over the static files: part of their address, so that browsers may keep them for ever."""
    digest = sha256()
    for file in sorted(path for path in (FOLDER / "static").rglob("*") if path.is_file()):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
