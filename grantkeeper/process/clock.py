"""The one source of time, ids and chance: everything else receives a `Clock` and an `Ids` and stays testable."""

import asyncio
import random
import secrets
import time
from datetime import UTC, datetime
from typing import Final, Protocol

import uuid_utils


class Clock(Protocol):
    """What a process may know of time."""

    def now(self) -> datetime:
        """Return the wall clock: aware, UTC, in whole milliseconds as MongoDB and the wire keep it."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards and go on while the machine sleeps; only differences mean something.

        A lease does not wait for who holds it to wake up.
        """
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, of this clock."""
        ...


class Ids(Protocol):
    """What a process may draw."""

    def uuid7(self) -> str:
        """Return a new UUIDv7 (RFC 9562) in lower case; ids of one process rise with time."""
        ...

    def token(self, nbytes: int) -> str:
        """Return `nbytes` random bytes of the operating system as base64url without padding."""
        ...

    def random(self) -> float:
        """Return a number in [0, 1), good for jitter and for nothing that must be secret."""
        ...


_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux stops the monotonic clock of Python in suspend."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def monotonic(self) -> float:
        return time.clock_gettime(_CLOCK)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SystemIds:
    """The chance of the machine."""

    def uuid7(self) -> str:
        return str(uuid_utils.uuid7())

    def token(self, nbytes: int) -> str:
        return secrets.token_urlsafe(nbytes)

    def random(self) -> float:
        return random.random()  # noqa: S311 - jitter, not a secret


SYSTEM_CLOCK: Final[Clock] = SystemClock()
SYSTEM_IDS: Final[Ids] = SystemIds()
