"""The supervisor: starts a table of processes, starts again what dies, ends all of it.

A process that ends with the exit code of wrong settings (78) is not started again: it would end the same way.
"""

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from devstack.child import Child
from devstack.ports import accepts
from devstack.remembered import remember

WRONG_SETTINGS = 78  # sysexits.h EX_CONFIG
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds between a death and the next start; doubles
SETTLED = 30.0  # seconds of life after which a death counts as the first again
READY_DEADLINE = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Service:
    """One line of the table: what to run, with which environment, and how to see that it is ready.

    `ready_url` answers 2xx, or `ready_port` accepts connections; with neither it counts as ready at once.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_url: str | None = None
    ready_port: int | None = None


@dataclass(slots=True)
class Watched:
    """A process and what the supervisor knows about its deaths."""

    child: Child
    ready: Callable[[], bool]
    started: float = 0.0
    pause: float = FIRST_PAUSE
    due: float | None = None  # when to start it again
    given_up: bool = False
    is_server: bool = False


class Supervisor:
    """Runs `Service`s; `tell` hears one line about each thing a person should know."""

    def __init__(self, folder: Path, *, environment: Mapping[str, str], tell: Callable[[str], None]) -> None:
        self._folder = folder
        self._environment = environment
        self._tell = tell
        self._watched: dict[str, Watched] = {}
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def state_file(self) -> Path:
        return self._folder / "processes.json"

    def child(self, name: str) -> Child:
        return self._watched[name].child

    def adopt(self, child: Child, ready: Callable[[], bool] = lambda: True) -> None:
        """Watch a process that was started elsewhere (a server) like those of the table."""
        self._watched[child.name] = Watched(child, ready, started=time.monotonic(), is_server=True)
        self._remember()

    def start(self, services: Sequence[Service]) -> None:
        """Start all at once; `wait_until_ready` tells when they can be used."""
        for service in services:
            self._launch(service)
        self._remember()

    def wait_until_ready(self, deadline: float = READY_DEADLINE) -> None:
        """Return when every process is ready; raise StartFailed naming the one that is not."""
        for watched in self._watched.values():
            watched.child.wait_until_ready(watched.ready, deadline)

    def _launch(self, service: Service) -> None:
        child = Child(
            service.name,
            service.command,
            log=self._folder / "logs" / f"{service.name}.log",
            environment={**self._environment, **service.environment},
        )
        watched = Watched(child, _readiness(service), started=time.monotonic())
        self._watched[service.name] = watched
        child.start()

    def look(self) -> None:
        """Notice what died and start again what is due; call it a few times a second."""
        for watched in self._watched.values():
            if watched.given_up or watched.child.running:
                continue
            if watched.due is None:
                self._note_death(watched)
            elif time.monotonic() >= watched.due:
                self._start_again(watched)

    def _note_death(self, watched: Watched) -> None:
        child, now = watched.child, time.monotonic()
        if child.exit_code == WRONG_SETTINGS:
            watched.given_up = True
            self._tell(f"{child.name} ended, its settings are wrong: {child.last_line()}")
            return
        watched.pause = FIRST_PAUSE if now - watched.started > SETTLED else min(watched.pause * 2, LONGEST_PAUSE)
        watched.due = now + watched.pause
        self._tell(f"{child.name} ended ({child.exit_code}), starts again in {watched.pause:g} s; log: {child.log}")

    def _start_again(self, watched: Watched) -> None:
        watched.child.start()
        watched.started, watched.due = time.monotonic(), None
        self._remember()

    def stop(self, grace: float = 20.0) -> None:
        """End all: the services at once, then the servers they stood on."""
        services = [watched for watched in self._watched.values() if not watched.is_server]
        for watched in services:
            watched.child.signal(signal.SIGTERM)
        for watched in services:
            watched.child.stop(grace)
            del self._watched[watched.child.name]
        while self._watched:
            _, watched = self._watched.popitem()
            watched.child.stop(grace)
        self.state_file.unlink(missing_ok=True)

    def _remember(self) -> None:
        remember(self.state_file, [watched.child for watched in self._watched.values()])


def _readiness(service: Service) -> Callable[[], bool]:
    url, port = service.ready_url, service.ready_port
    if url is not None:
        return lambda: answers_ok(url)
    if port is not None:
        return lambda: accepts(port)
    return lambda: True


def answers_ok(url: str) -> bool:
    """Whether a URL of this machine answers with a 2xx status."""
    if not url.startswith("http://127.0.0.1:"):
        raise ValueError(f"a readiness check stays on this machine, not {url}")
    try:
        with urlopen(url, timeout=2):  # noqa: S310 - http on 127.0.0.1 only
            return True
    except (URLError, OSError):
        return False
