"""`make run` as a test sees it: one process that starts the whole stack in a folder and on ports of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from devstack.child import tied
from devstack.layout import OFFSETS, Layout

DEVSTACK = (sys.executable, "-m", "devstack", "run")
READY = "everything runs"
READY_DEADLINE = 90.0  # seconds; about 6 s on an idle machine
END_DEADLINE = 40.0
FIRST_BASE, LAST_BASE, STEP = 20_000, 32_000, 100


@dataclass(frozen=True, slots=True)
class RunningStack:
    """The stack and its process; what it printed stands in `output`."""

    layout: Layout
    process: subprocess.Popen[bytes]
    output: Path

    def said(self) -> str:
        """What it printed so far."""
        return self.output.read_text(encoding="utf-8", errors="replace")


INTERRUPTIBLE = ("env", "--default-signal=INT")
"""Before a command: a shell's background jobs, as a whole run of the tests may be, begin with SIGINT ignored."""


@contextmanager
def running_stack(
    folder: Path,
    environment: Mapping[str, str] | None = None,
    port_base: int | None = None,
    command: Sequence[str] = DEVSTACK,
) -> Iterator[RunningStack]:
    """Start, wait until everything runs, end by Ctrl-C."""
    stack = start_stack(folder, environment or {}, port_base, command)
    try:
        yield stack
    finally:
        end_stack(stack)


def start_stack(
    folder: Path, environment: Mapping[str, str], port_base: int | None = None, command: Sequence[str] = DEVSTACK
) -> RunningStack:
    """Start and wait until everything runs; AssertionError with its output where it does not."""
    folder.mkdir(parents=True, exist_ok=True)
    layout = Layout(folder / "data", port_base or free_port_base())
    output = folder / "output.txt"
    variables = {
        **os.environ,
        "GRANTKEEPER_DATA": str(layout.data),
        "PORT_BASE": str(layout.port_base),
        "PYTHONUNBUFFERED": "1",
        **environment,
    }
    before = output.stat().st_size if output.exists() else 0
    with output.open("ab") as log:
        process = subprocess.Popen(
            tied(command, end_by="TERM"),  # `make` hands it on, and the stack ends what it started
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    stack = RunningStack(layout, process, output)
    give_up = time.monotonic() + READY_DEADLINE
    while READY not in output.read_text(encoding="utf-8", errors="replace")[before:]:
        if process.poll() is not None or time.monotonic() > give_up:
            end_stack(stack)
            raise AssertionError(f"the stack did not start:\n{stack.said()}")
        time.sleep(0.05)
    return stack


def end_stack(stack: RunningStack) -> None:
    """End it as Ctrl-C does, and wait until it is gone."""
    if stack.process.poll() is None:
        os.killpg(stack.process.pid, signal.SIGINT)  # a terminal sends it to all that it started, `make` too
    try:
        stack.process.wait(END_DEADLINE)
    except subprocess.TimeoutExpired:
        stack.process.kill()
        raise AssertionError(f"the stack did not end within {END_DEADLINE:g} s:\n{stack.said()}") from None


def free_port_base() -> int:
    """A base whose every port is free now."""
    start = FIRST_BASE + os.getpid() % 50 * STEP
    bases: list[int] = [*range(start, LAST_BASE, STEP), *range(FIRST_BASE, start, STEP)]
    for base in bases:
        if all(_is_free(base + offset) for offset in OFFSETS.values()):
            return base
    raise AssertionError("no free range of ports")


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
