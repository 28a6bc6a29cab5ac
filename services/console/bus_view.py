"""What the console reads from Kafka itself: open notifications, what services gave up, how far they are behind."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from pydantic import ValidationError

from grantkeeper.bus.lag import Lag
from grantkeeper.process.clock import Clock
from grantkeeper.process.logging import get_logger
from grantkeeper_client import Envelope
from schemas.dead_letters import DeadLetter
from services.console.board import Board

KEPT: Final = 50
"""Dead letters shown; the topic keeps 30 days of them, and `grantkeeper dead-letters list` reads all."""

KEPT_FOR: Final = 5.0
"""Seconds; the page asks every 10."""

ReadLags: TypeAlias = Callable[[], Awaitable[Sequence[Lag]]]
"""Raises grantkeeper.bus.errors.Unavailable."""

log = get_logger(__name__)


class SharedLags:
    """One look at Kafka for everybody who has the page open: it costs connections, and changes slowly."""

    def __init__(self, read: ReadLags, clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._looking = asyncio.Lock()
        self._found: Sequence[Lag] = ()
        self._good_until = 0.0

    async def __call__(self) -> Sequence[Lag]:
        """Return what was found at most `KEPT_FOR` seconds ago; raises Unavailable."""
        async with self._looking:
            if self._clock.monotonic() >= self._good_until:
                self._found = await self._read()
                self._good_until = self._clock.monotonic() + KEPT_FOR
            return self._found


class DeadLetters:
    """The last dead letters, newest first, and how many there were; memory is bounded."""

    def __init__(self) -> None:
        self._kept: deque[DeadLetter] = deque(maxlen=KEPT)
        self.total = 0
        self.complete = False
        """Whether the topic was read to the end that it had at start."""

    def take(self, envelope: Envelope) -> None:
        """Take one record of the topic."""
        if envelope.value is None or envelope.type != DeadLetter.TYPE:
            return
        try:
            letter = DeadLetter.read(envelope.value)
        except ValidationError:
            log.warning("a dead letter does not follow the contract", id=envelope.id)
            return
        self._kept.append(letter)
        self.total += 1

    @property
    def newest(self) -> Sequence[DeadLetter]:
        """The last ones, newest first."""
        return list(reversed(self._kept))


@dataclass(frozen=True, slots=True)
class BusView:
    """Kafka as the console sees it without asking a service."""

    board: Board
    dead_letters: DeadLetters
    lags: ReadLags
