"""One way to run a process: parts start in order, stop in reverse, and a signal stops them wherever they are.

A part that cannot start says why and keeps trying by itself where waiting helps (a server that is away); anything else
is raised and ends the process with exit code 1. A second signal ends it at once.
"""

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from grantkeeper.process.clock import Clock
from grantkeeper.process.logging import get_logger
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.settings import EX_CONFIG, SettingsError

log = get_logger(__name__)

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Part(Protocol):
    """Something that runs from start to stop: a server, a connection, a consumer, a loop."""

    async def start(self) -> None:
        """Return when it works. May be cancelled, and is stopped then too."""
        ...

    async def stop(self) -> None:
        """Return when nothing of it is left. Also called after a start that failed."""
        ...


Build = Callable[[], Sequence[Part]]
"""Wires a process inside the running event loop: its parts in the order in which they start."""


def run(build: Build) -> None:
    """Run a process until SIGTERM or SIGINT; with uvloop where it is installed.

    A setting that proves wrong only when the process meets its servers ends it as `load` does: one line, exit code 78.
    """
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(run_until_signal(build))
    except SettingsError as error:
        sys.stderr.write(f"settings: {error}\n")
        raise SystemExit(EX_CONFIG) from None


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - optional: no wheel on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


async def run_until_signal(build: Build) -> None:
    """Start the parts, wait for a signal, stop them; also the body of a test that runs a process in its own loop."""
    stopped = asyncio.Event()
    _on_signals(stopped)
    parts = build()
    started: list[Part] = []
    try:
        if await _first_of(_start(parts, started), stopped):
            _keep_what_is_here()
            log.info("process runs", parts=len(parts))
            await stopped.wait()
    finally:
        log.info("process stops")
        await _stop(started)


def _keep_what_is_here() -> None:
    """Spare the garbage collector what lives as long as the process: each full pass would look at all of it."""
    gc.collect()
    gc.freeze()


async def _start(parts: Sequence[Part], started: list[Part]) -> None:
    for part in parts:
        started.append(part)
        await part.start()


async def _first_of(work: Awaitable[None], stopped: asyncio.Event) -> bool:
    """Do the work unless a signal comes first; tell whether it was done."""
    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stopped.wait())
    await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if working.done():
        await working
        return True
    working.cancel()
    await asyncio.wait([working])
    return False


async def _stop(started: Sequence[Part]) -> None:
    for part in reversed(started):
        try:
            await part.stop()
        except Exception:
            # The others must still be stopped: an unflushed producer or a held group membership costs more.
            log.exception("part did not stop cleanly", part=type(part).__name__)


def _on_signals(stopped: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, _signalled, number, stopped)


def _signalled(number: signal.Signals, stopped: asyncio.Event) -> None:
    if stopped.is_set():
        raise SystemExit(128 + number)
    log.info("signal received", signal=number.name)
    stopped.set()


class Loop:
    """A part that does one turn after another until stopped.

    `turn` returns the seconds to wait before the next one. A turn that raises is logged, counted and tried again after
    `pause` seconds: a fault in one turn must not end the duty. `problems` names a loop whose
    next good end is overdue by more than `patience` seconds.
    """

    def __init__(
        self,
        name: str,
        turn: Callable[[], Awaitable[float]],
        *,
        clock: Clock,
        metrics: Metrics,
        pause: float = 1.0,
        patience: float = 60.0,
    ) -> None:
        self._name = name
        self._turn = turn
        self._clock = clock
        self._metrics = metrics
        self._pause = pause
        self._patience = patience
        self._task: asyncio.Task[None] | None = None
        self._due = clock.monotonic()

    async def start(self) -> None:
        """Begin with the first turn."""
        self._due = self._clock.monotonic()
        self._task = asyncio.create_task(self._repeat(), name=self._name)

    async def stop(self) -> None:
        """Cancel the turn that runs and wait for its end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def problems(self) -> list[str]:
        """Say whether it works."""
        if self._task is None or self._task.done():
            return [f"loop {self._name} does not run"]
        overdue = self._clock.monotonic() - self._due
        return [f"loop {self._name} is overdue by {overdue:.0f} s"] if overdue > self._patience else []

    async def _repeat(self) -> None:
        while True:
            await self._clock.sleep(await self._one_turn())

    async def _one_turn(self) -> float:
        try:
            wait = await self._turn()
        except Exception:
            self._metrics.count("loop_failures", loop=self._name)
            log.exception("turn failed, will be tried again", loop=self._name, pause=self._pause)
            return self._pause
        self._due = self._clock.monotonic() + wait
        return wait
