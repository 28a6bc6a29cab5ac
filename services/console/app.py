"""The wiring of the console: which path is whose, what every request passes through, which parts the process has."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from grantkeeper.bus.connection import aiokafka_arguments
from grantkeeper.bus.lag import read_lags
from grantkeeper.bus.received import Place
from grantkeeper.bus.tail import Tail
from grantkeeper.process.clock import SYSTEM_CLOCK, SYSTEM_IDS, Clock
from grantkeeper.process.health import HealthServer
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.run import Part
from grantkeeper_client import Asker, Credential, Envelope, ReplyError
from schemas.topics import ADMIN_NOTIFICATIONS, DEAD_LETTERS, TOKEN_EVENTS
from services.console.asking import Asking, Asks, NoAnswer, NotForViewers
from services.console.board import Board
from services.console.bus_view import BusView, DeadLetters, SharedLags
from services.console.connection import Connection
from services.console.console import FOLDER, Console, load_pages, static_version
from services.console.counting import Counting
from services.console.failures import Failures
from services.console.files import VersionedFiles
from services.console.gate import Gate
from services.console.live import Live
from services.console.routes.adding import Adding
from services.console.routes.authorizations import Authorizations
from services.console.routes.device_logins import DeviceLogins
from services.console.routes.editing import Editing
from services.console.routes.events import Events
from services.console.routes.feed import Feed
from services.console.routes.health import Health
from services.console.routes.health import Problems as Check
from services.console.routes.login import Login
from services.console.routes.mail_module_actions import MailModuleActions
from services.console.routes.mail_modules import MailModules
from services.console.routes.notifications import Notifications
from services.console.routes.problems import Problems
from services.console.routes.system import System
from services.console.routes.templates import Templates
from services.console.routes.text_editing import TextEditing
from services.console.routes.token_actions import TokenActions
from services.console.routes.tokens import Tokens
from services.console.routes.transfer import IMPORT_PATH, REQUEST_LIMIT, Transfer
from services.console.security import BodyLimit, SecurityHeaders, TooLarge
from services.console.server import WebServer
from services.console.sessions import Sessions
from services.console.settings import ConsoleSettings
from services.console.users import Users
from services.console.words import load_catalogue

SERVICE: Final = "console"
FORM_LIMIT: Final = 262_144
"""Bytes of a form: the longest, a token with all addresses and a sealed secret, is below 64 KiB."""


def build_app(
    settings: ConsoleSettings,
    credential: Credential,
    asks: Asks,
    *,
    bus: BusView,
    live: Live,
    checks: Mapping[str, Check] | None = None,
    metrics: Metrics | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Starlette:
    """Make the application; nothing runs yet."""
    users = Users(settings.users_file)
    console = Console(
        settings=settings,
        credential=credential,
        asking=Asking(asks),
        users=users,
        sessions=Sessions(settings, users, clock),
        bus=bus,
        live=live,
        catalogue=load_catalogue(),
        pages=load_pages(),
        clock=clock,
        ids=SYSTEM_IDS,
    )
    problems = Problems(console)
    return Starlette(
        routes=_routes(console, checks or {}),
        middleware=[
            Middleware(ProxyHeadersMiddleware, trusted_hosts=[str(one) for one in settings.web.trusted_proxies]),
            Middleware(SecurityHeaders, settings=settings),
            Middleware(Counting, metrics=metrics or Metrics(SERVICE)),
            Middleware(Failures, problems=problems),
            Middleware(BodyLimit, limit=FORM_LIMIT, exceptions={IMPORT_PATH: REQUEST_LIMIT}),
            Middleware(Gate, console=console, problems=problems),
        ],
        exception_handlers={
            ReplyError: problems.reply_error,
            NoAnswer: problems.no_answer,
            NotForViewers: problems.not_for_viewers,
            HTTPException: problems.http,
            TooLarge: problems.too_large,
            ValidationError: problems.unfit,
        },
    )


def _routes(console: Console, checks: Mapping[str, Check]) -> list[BaseRoute]:
    authorizations = Authorizations(console)
    files = VersionedFiles(str(FOLDER / "static"), static_version())
    nouns = (
        Login(console),
        Adding(console, authorizations),  # before Tokens: /tokens/new is no id
        Tokens(console),
        Editing(console),
        TextEditing(console),
        TokenActions(console),
        authorizations,
        DeviceLogins(console),
        Notifications(console),
        Templates(console),
        MailModules(console),
        MailModuleActions(console),
        System(console),
        Transfer(console),
        Feed(console),
        Events(console),
        Health(checks),
    )
    return [Mount("/static", files), *(route for noun in nouns for route in noun.routes())]


def build_parts(settings: ConsoleSettings, credential: Credential, clock: Clock = SYSTEM_CLOCK) -> Sequence[Part]:
    """Wire the process: the web server first, so that pages say what is missing while the rest still starts."""
    metrics, board, live = Metrics(SERVICE), Board(), Live(clock)
    security = aiokafka_arguments(settings.kafka, SERVICE)
    connection = Connection(lambda: Asker(credential, security=security), clock)
    notifications = Tail(settings.kafka, ADMIN_NOTIFICATIONS, _Notifications(board, live), service=SERVICE, clock=clock)
    changes = Tail(settings.kafka, TOKEN_EVENTS, _Changes(live), service=SERVICE, clock=clock, begin="end")
    bus = BusView(board, DeadLetters(), SharedLags(partial(read_lags, settings.kafka, SERVICE), clock))
    letters = Tail(settings.kafka, DEAD_LETTERS, _DeadLetters(bus.dead_letters), service=SERVICE, clock=clock)
    checks = {"bus": connection.problems, "notifications": notifications.problems, "changes": changes.problems}
    checks["users"] = Users(settings.users_file).problems
    app = build_app(
        settings,
        credential,
        connection,
        bus=bus,
        live=live,
        checks=checks,
        metrics=metrics,
        clock=clock,
    )
    web = WebServer(settings.web, app, live.close)
    return [
        HealthServer(settings.health, metrics, {**checks, "web": web.problems}),
        web,
        connection,
        notifications,
        _Complete(notifications, board),
        changes,
        letters,
        _Complete(letters, bus.dead_letters),
    ]


class _Notifications:
    """From `admin.notifications` to the board and to open pages."""

    def __init__(self, board: Board, live: Live) -> None:
        self._board = board
        self._live = live

    async def __call__(self, envelope: Envelope, _place: Place) -> None:
        self._board.take(envelope)
        self._live.changed("notifications")


class _Changes:
    """From `token.events` to open pages."""

    def __init__(self, live: Live) -> None:
        self._live = live

    async def __call__(self, _envelope: Envelope, _place: Place) -> None:
        self._live.changed("tokens")


class _DeadLetters:
    """From `dead-letters` to the page System."""

    def __init__(self, letters: DeadLetters) -> None:
        self._letters = letters

    async def __call__(self, envelope: Envelope, _place: Place) -> None:
        self._letters.take(envelope)


class _Complete:
    """Says that a board shows all there was, once its tail has read to the end."""

    def __init__(self, tail: Tail, board: Board | DeadLetters) -> None:
        self._tail = tail
        self._board = board

    async def start(self) -> None:
        await self._tail.ready()
        self._board.complete = True

    async def stop(self) -> None:
        """Nothing runs."""
