"""The console's application for tests: real pages around an answering bus, with everything else as asked."""

from collections.abc import Sequence

from starlette.applications import Starlette

from grantkeeper.bus.errors import Unavailable
from grantkeeper.bus.lag import Lag
from grantkeeper.crypto.credentials import mint
from grantkeeper.crypto.ring import AuthRing, VaultRing
from grantkeeper.process.clock import Clock
from grantkeeper_client import Credential
from services.console.app import build_app
from services.console.board import Board
from services.console.bus_view import BusView, DeadLetters
from services.console.live import Live
from services.console.settings import ConsoleSettings
from tests.clock import FakeClock
from tests.console_double import AnsweringBus
from tests.console_samples import NOW


def credential_of(ring: VaultRing, principal: str = "console") -> Credential:
    """The credential of a principal of the installation with this ring."""
    return mint(AuthRing.new(ring.current), ring, principal, 1, "127.0.0.1:1", "grantkeeper.")


class Kafka:
    """What the page System reads of Kafka: set by a test; None = it does not answer."""

    def __init__(self) -> None:
        self.found: Sequence[Lag] | None = ()
        self.dead_letters = DeadLetters()
        self.dead_letters.complete = True

    def view(self, board: Board) -> BusView:
        """What the console is given."""
        return BusView(board, self.dead_letters, self._lags)

    async def _lags(self) -> Sequence[Lag]:
        if self.found is None:
            raise Unavailable("Kafka is away")
        return self.found


def console_app(
    settings: ConsoleSettings,
    ring: VaultRing,
    bus: AnsweringBus | None = None,
    *,
    board: Board | None = None,
    live: Live | None = None,
    clock: Clock | None = None,
    kafka: Kafka | None = None,
) -> Starlette:
    """Make the application."""
    clock = clock or FakeClock(NOW)
    return build_app(
        settings,
        credential_of(ring),
        bus or AnsweringBus(),
        bus=(kafka or Kafka()).view(board or Board()),
        live=live or Live(clock),
        clock=clock,
    )
