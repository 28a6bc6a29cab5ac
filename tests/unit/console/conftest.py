"""The console's application around an answering bus, asked the way a browser asks."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from httpx import ASGITransport, AsyncClient
from starlette.responses import Response
from starlette.routing import Route

from grantkeeper.crypto.ring import VaultRing
from services.console.board import Board
from services.console.sessions import Sessions
from services.console.settings import ConsoleSettings
from services.console.users import Users
from tests.clock import FakeClock
from tests.console_app import Kafka, console_app
from tests.console_double import AnsweringBus
from tests.console_samples import NOW, config_id, installation

ORIGIN = "http://127.0.0.1:8090"
FEED_TOKEN = "feed-token-" + "f" * 32
LogIn = Callable[[str], AsyncClient]
PASSWORDS = {"anna": "correct horse battery", "vera": "another long password"}


@pytest.fixture(scope="session")
def users_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An admin called anna, a viewer called vera; their hashes cost next to nothing, so that tests may log in often."""
    path, cheap = tmp_path_factory.mktemp("users") / "users", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    lines = [f"{name}:{role}:{cheap.hash(PASSWORDS[name])}" for name, role in (("anna", "admin"), ("vera", "viewer"))]
    path.write_text("\n".join(lines) + "\n")
    return path


def settings_for(users_file: Path, **changes: object) -> ConsoleSettings:
    values: dict[str, object] = {
        "kafka": {"bootstrap_servers": "127.0.0.1:1"},
        "public_url": ORIGIN,
        "credential_file": "/nowhere",
        "users_file": users_file,
        "session_key": "k" * 48,
        "feed_token": FEED_TOKEN,
        **changes,
    }
    return ConsoleSettings.model_validate(values)


@pytest.fixture
def settings(users_file: Path) -> ConsoleSettings:
    return settings_for(users_file)


@pytest.fixture
def bus() -> AnsweringBus:
    return AnsweringBus()


@pytest.fixture
def board() -> Board:
    board = Board()
    board.complete = True
    return board


@pytest.fixture
def kafka() -> Kafka:
    return Kafka()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture(scope="session")
def ring() -> VaultRing:
    return installation()


@pytest.fixture
def make_browser(
    settings: ConsoleSettings, bus: AnsweringBus, board: Board, clock: FakeClock, ring: VaultRing, kafka: Kafka
) -> Callable[[], AsyncClient]:
    """A browser that nobody has logged in with."""
    app = console_app(settings, ring, bus, board=board, clock=clock, kafka=kafka)

    def make() -> AsyncClient:
        headers = {"sec-fetch-site": "same-origin", "accept-language": "en"}
        return AsyncClient(
            transport=ASGITransport(app, raise_app_exceptions=False), base_url=settings.public_url, headers=headers
        )

    return make


async def log_in(browser: AsyncClient, name: str) -> AsyncClient:
    answer = await browser.post("/login", data={"name": name, "password": PASSWORDS[name]})
    assert answer.status_code == 303
    return browser


@pytest.fixture
def stranger(make_browser: Callable[[], AsyncClient]) -> AsyncClient:
    return make_browser()


@pytest.fixture
def logged_in(make_browser: Callable[[], AsyncClient], settings: ConsoleSettings, clock: FakeClock) -> LogIn:
    """A browser with somebody's session, without the half second that a password takes."""
    users = Users(settings.users_file)
    sessions = Sessions(settings, users, clock)

    def browser(name: str) -> AsyncClient:
        user, answer = users.get(name), Response()
        assert user is not None
        sessions.log_in(answer, user)
        cookie, _, value = answer.headers["set-cookie"].split(";")[0].partition("=")
        client = make_browser()
        client.cookies.set(cookie, value, domain="127.0.0.1")
        return client

    return browser


@pytest.fixture
def admin(logged_in: LogIn) -> AsyncClient:
    return logged_in("anna")


@pytest.fixture
def viewer(logged_in: LogIn) -> AsyncClient:
    return logged_in("vera")


@pytest.fixture
def routes(settings: ConsoleSettings, ring: VaultRing) -> list[Route]:
    """Everything that the console answers to, but files."""
    found = [route for route in console_app(settings, ring).routes if isinstance(route, Route)]
    assert len(found) > 40
    return found


@pytest.fixture
def patterns(routes: list[Route]) -> list[tuple[str, str]]:
    """Method and path of each."""
    return [(method, filled(route)) for route in routes for method in route.methods or ()]


def filled(route: Route) -> str:
    """A path that a route answers to."""
    known = {"config_id": config_id(1), "slug": "google-mail", "principal": "mail-1", "validity": "invalid"}
    return re.sub(r"{(\w+)}", lambda found: known[found[1]], route.path)
