"""A clock that tests move: nothing passes unless a test says so."""

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


class FakeClock:
    """`grantkeeper.process.clock.Clock` by hand: `advance` wakes who sleeps until then."""

    def __init__(self, now: datetime = START) -> None:
        self._start = now
        self._passed = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        return self._passed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._passed + seconds, sleeper))
        await sleeper

    def advance(self, seconds: float) -> None:
        """Let time pass; who slept until then goes on at the next turn of the loop."""
        self._passed += seconds
        for until, sleeper in self._sleepers:
            if until <= self._passed and not sleeper.done():
                sleeper.set_result(None)
        self._sleepers = [(until, sleeper) for until, sleeper in self._sleepers if not sleeper.done()]
