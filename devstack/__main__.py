"""`python -m devstack run|demo|clean`: what `make run`, `make demo` and `make clean` do."""

import os
import shutil
import signal
import sys
from pathlib import Path

from devstack.demo import play
from devstack.errors import DevstackError
from devstack.greeting import greeting
from devstack.layout import Layout, read_layout
from devstack.processes import Supervisor
from devstack.remembered import end_leftovers
from devstack.stack import alone, running, runs, watch

CHECKOUT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> None:
    commands = {"run": run, "demo": demo, "clean": clean}
    command = commands.get(arguments[0]) if len(arguments) == 1 else None
    if command is None:
        sys.exit(f"usage: python -m devstack {'|'.join(commands)}")
    try:
        command(read_layout(os.environ, CHECKOUT))
    except DevstackError as error:
        sys.exit(f"devstack: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def run(layout: Layout) -> None:
    """Start everything, say where it is, keep it alive until Ctrl-C or SIGTERM."""
    interrupt_on(signal.SIGTERM, signal.SIGHUP)
    with running(layout, os.environ, tell) as supervisor:
        stay(layout, supervisor)


def demo(layout: Layout) -> None:
    """Play the story against the stack that runs, or against one started for it, which a person may then look at."""
    if runs(layout.data):
        play(layout, tell)
        return
    interrupt_on(signal.SIGTERM, signal.SIGHUP)
    with running(layout, os.environ, tell) as supervisor:
        play(layout, tell)
        if sys.stdin.isatty():
            stay(layout, supervisor)


def stay(layout: Layout, supervisor: Supervisor) -> None:
    """Keep everything alive until a signal."""
    signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _frame: signals.append(got))
    for line in greeting(layout, Path(sys.executable).with_name("grantkeeper")):
        tell(line)
    watch(supervisor, lambda: bool(signals))
    tell("ending")


def interrupt_on(*numbers: signal.Signals) -> None:
    """Let signals end a start as Ctrl-C does: with everything that was started so far."""
    for number in numbers:
        signal.signal(number, signal.default_int_handler)


def clean(layout: Layout) -> None:
    """End what a killed start left and remove the data folder."""
    with alone(layout.data):
        for name in end_leftovers(layout.data / "processes.json"):
            tell(f"ended {name}")
        shutil.rmtree(layout.data)


def tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
