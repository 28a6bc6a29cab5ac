"""How much processor time a process takes for one piece of work: the figure that other programs disturb least."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil


@dataclass(slots=True)
class Spent:
    """Seconds of processor time, known when the measured block has ended."""

    seconds: float = 0.0


@contextmanager
def spent_by(pid: int) -> Iterator[Spent]:
    """Measure what a process spends, in user and system time, while the block runs."""
    process, spent = psutil.Process(pid), Spent()
    before = _of(process)
    yield spent
    spent.seconds = _of(process) - before


def _of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
