"""A process starts its parts in order, stops them in reverse, and a signal works at any moment."""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from grantkeeper.process.clock import SYSTEM_CLOCK
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.run import Loop, Part, run, run_until_signal
from grantkeeper.process.settings import SettingsError
from tests.waiting import wait_until


@dataclass
class Noted:
    """A part that notes what is done to it."""

    name: str
    notes: list[str]
    on_start: Callable[[], None] = lambda: None
    forever: bool = False
    fails: type[Exception] | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        self.notes.append(f"{self.name} starts")
        self.on_start()
        if self.forever:
            await self.gate.wait()
        if self.fails is not None:
            raise self.fails(self.name)

    async def stop(self) -> None:
        self.notes.append(f"{self.name} stops")
        if self.name == "clumsy":
            raise RuntimeError("did not stop cleanly")


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


async def test_parts_stop_in_reverse_after_a_signal() -> None:
    notes: list[str] = []
    parts: list[Part] = [Noted("a", notes), Noted("clumsy", notes), Noted("c", notes, on_start=interrupt)]
    await run_until_signal(lambda: parts)
    assert notes == ["a starts", "clumsy starts", "c starts", "c stops", "clumsy stops", "a stops"]


async def test_a_signal_ends_a_start_that_waits_for_a_server() -> None:
    notes: list[str] = []
    waiting = Noted("waiting", notes, on_start=interrupt, forever=True)
    await run_until_signal(lambda: [Noted("a", notes), waiting, Noted("never", notes)])
    assert notes == ["a starts", "waiting starts", "waiting stops", "a stops"]


async def test_a_part_that_cannot_start_ends_the_process_and_stops_the_others() -> None:
    notes: list[str] = []
    with pytest.raises(OSError, match="taken"):
        await run_until_signal(lambda: [Noted("a", notes), Noted("taken", notes, fails=OSError)])
    assert notes == ["a starts", "taken starts", "taken stops", "a stops"]


def test_a_wrong_setting_that_only_a_server_can_tell_ends_the_process_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(lambda: [Noted("kafka", [], fails=SettingsError)])
    assert ended.value.code == 78
    assert capsys.readouterr().err == "settings: kafka\n"


async def test_a_loop_survives_a_failing_turn_and_says_so() -> None:
    turns: list[int] = []

    async def turn() -> float:
        turns.append(len(turns))
        if len(turns) == 1:
            raise KeyError("first turn")
        return 3600.0

    metrics = Metrics("test")
    loop = Loop("due", turn, clock=SYSTEM_CLOCK, metrics=metrics, pause=0.0)
    assert loop.problems() == ["loop due does not run"]
    await loop.start()
    await wait_until(lambda: len(turns) == 2)
    assert loop.problems() == [], "the next turn is not overdue for an hour"
    await loop.stop()
    assert metrics.registry.get_sample_value("grantkeeper_loop_failures_total", {"loop": "due"}) == 1


async def test_a_loop_that_keeps_failing_is_a_problem() -> None:
    async def turn() -> float:
        raise KeyError("each turn")

    loop = Loop("due", turn, clock=SYSTEM_CLOCK, metrics=Metrics("test"), pause=0.0, patience=0.05)
    await loop.start()
    await wait_until(loop.problems)
    assert "overdue" in loop.problems()[0]
    await loop.stop()
