"""One child process in a group of its own, with a log file; stopping it leaves nothing behind."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from devstack.errors import StartFailed

POLL = 0.02  # seconds; a start takes from 0.3 s


class Child:
    """A command that can be started, signalled, stopped and started again.

    `environment` is the whole environment of the child: nothing is inherited. It is killed when the thread that started
    it ends, however that ends (Linux with setpriv; elsewhere the next start ends what is left, see remembered.py).
    """

    def __init__(self, name: str, command: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the number of the signal that ended it."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                tied(self.command),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # its pid is its group: one signal reaches its own children too
            )

    def wait_until_ready(self, ready: Callable[[], bool], deadline: float) -> None:
        """Return once `ready` holds; raise StartFailed when the process ends or `deadline` seconds pass."""
        end = time.monotonic() + deadline
        while not ready():
            if not self.running:
                raise StartFailed(f"{self.name} ended at start: {self.last_line()} (see {self.log})")
            if time.monotonic() > end:
                raise StartFailed(f"{self.name} was not ready in {deadline:.0f} s: {self.last_line()} (see {self.log})")
            time.sleep(POLL)

    def last_line(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        return lines[-1] if lines else "it wrote nothing"

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and all its children; none of them left is no error."""
        if self._process is not None:
            signal_group(self._process.pid, number)

    def stop(self, grace: float = 10.0) -> None:
        """End the group: SIGTERM, after `grace` seconds SIGKILL; return when it is gone."""
        if self._process is None:
            return
        self.signal(signal.SIGCONT)  # a stopped process would never see SIGTERM
        self.signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace)
        self.kill()

    def kill(self) -> None:
        """End the group at once, as a power cut would; return when it is gone."""
        if self._process is None:
            return
        self.signal(signal.SIGKILL)
        self._process.wait()
        end_group(self._process.pid)
        self._process = None


def tied(command: Sequence[str], end_by: str = "KILL") -> list[str]:
    """Let a signal end the command when the thread that starts it ends; without setpriv it stays as it is."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", end_by, "--", *command] if setpriv else [*command]


def signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


def end_group(group: int, deadline: float = 10.0) -> None:
    """Kill what is left of a process group and wait until it is gone."""
    end = time.monotonic() + deadline
    while group_members(group):
        signal_group(group, signal.SIGKILL)
        if time.monotonic() > end:
            raise StartFailed(f"process group {group} does not end; kill it by hand")
        time.sleep(POLL)


def group_members(group: int) -> list[int]:
    """The living processes of a group; a zombie that nobody reaps does not count."""
    return [process.pid for process in psutil.process_iter() if _is_member(process, group)]


def _is_member(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ProcessLookupError):
        return False
