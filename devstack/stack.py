"""One running stack: servers, keys, the outside world, the services; started in that order, ended in reverse."""

import fcntl
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from devstack.errors import DevstackError
from devstack.jars import ensure_jars, read_lock
from devstack.kafka import jar_folder
from devstack.keys import prepare_keys
from devstack.layout import DATA_SETTING, OFFSETS, Layout
from devstack.local_templates import prepare_templates
from devstack.ports import require_free
from devstack.processes import Supervisor
from devstack.remembered import end_leftovers
from devstack.servers import KAFKA_SETTING, MONGO_SETTING, start_servers
from devstack.services import ALLOW_HOSTS_SETTING, SERVICES, Places, services, support

LOCK = ".devstack-lock"  # also marks a folder as one that `clean` may remove
LOOK_EVERY = 0.25  # seconds
SERVER_PORTS = {"Kafka", "Kafka controller", "MongoDB"}
Tell = Callable[[str], None]


@contextmanager
def running(layout: Layout, environment: Mapping[str, str], tell: Tell) -> Iterator[Supervisor]:
    """The whole stack, ready; nothing of it is left afterwards, however the block ends."""
    with alone(layout.data):
        for name in end_leftovers(layout.data / "processes.json"):
            tell(f"ended {name}, left by a start that was killed")
        _fetch(environment, tell)
        supervisor = Supervisor(layout.data, environment=_inherited(environment), tell=tell)
        try:
            _start(layout, environment, supervisor, tell)
            yield supervisor
        finally:
            supervisor.stop()


def watch(supervisor: Supervisor, ended: Callable[[], bool]) -> None:
    """Start again what dies, until `ended` holds."""
    while not ended():
        supervisor.look()
        time.sleep(LOOK_EVERY)


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """Hold the data folder; raise DevstackError where another stack does."""
    if data.exists() and any(data.iterdir()) and not (data / LOCK).exists():
        raise DevstackError(f"{data} holds other files; name an empty or new folder in {DATA_SETTING}")
    data.mkdir(parents=True, exist_ok=True)
    with (data / LOCK).open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DevstackError(
                f"a stack already runs in {data}; end it, or set GRANTKEEPER_DATA and PORT_BASE"
            ) from None
        yield


def runs(data: Path) -> bool:
    """Whether a stack runs in this data folder."""
    if not (data / LOCK).exists():
        return False
    try:
        with alone(data):
            return False
    except DevstackError:
        return True


def _start(layout: Layout, environment: Mapping[str, str], supervisor: Supervisor, tell: Tell) -> None:
    for purpose in (one for one in OFFSETS if one not in SERVER_PORTS):
        require_free(layout.port(purpose), purpose, layout)
    began = time.monotonic()
    tell(f"starting {', '.join(_what_starts(environment))} ...")
    supervisor.start(support(layout))
    servers = start_servers(layout, environment, supervisor)
    prepare_keys(layout, servers.bootstrap_servers)
    prepare_templates(layout)
    supervisor.start(services(Places(layout, servers, _allow_hosts(environment))))
    supervisor.wait_until_ready()
    tell(f"everything runs after {time.monotonic() - began:.1f} s")


def _what_starts(environment: Mapping[str, str]) -> list[str]:
    own = [
        name for name, setting in (("Kafka", KAFKA_SETTING), ("MongoDB", MONGO_SETTING)) if not environment.get(setting)
    ]
    return [*own, "a provider", "a mail server", *SERVICES]


def _allow_hosts(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Providers of the person's own, by the refresher's setting; raise DevstackError where it is no JSON list."""
    try:
        hosts = json.loads(environment.get(ALLOW_HOSTS_SETTING) or "[]")
    except ValueError:
        hosts = None
    if not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
        raise DevstackError(f'{ALLOW_HOSTS_SETTING} is no JSON list of hosts; write ["127.0.0.1:8080"]')
    return tuple(hosts)


def _fetch(environment: Mapping[str, str], tell: Tell) -> None:
    if environment.get(KAFKA_SETTING):
        return
    began = time.monotonic()
    fetched = ensure_jars(jar_folder(environment), read_lock())
    if fetched:
        tell(f"Kafka: {fetched / 1e6:.0f} MB downloaded in {time.monotonic() - began:.1f} s")


def _inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """What services get of a person's environment: only the connection settings of servers they named."""
    kept = tuple(
        group
        for group, setting in (("GRANTKEEPER_KAFKA__", KAFKA_SETTING), ("GRANTKEEPER_MONGO__", MONGO_SETTING))
        if environment.get(setting)
    )
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith("GRANTKEEPER_") or name.startswith(kept)
    }
