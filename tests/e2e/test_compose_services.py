"""What compose.yaml runs in containers runs here as processes: its setup, its four services, their health checks.

Outside a container differ only the addresses of the servers, the ports and the folder of the secrets.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from devstack.child import Child
from devstack.errors import PartMissing
from devstack.ports import free_ports
from tests.conftest import part_missing
from tests.contract.delivery.composition import OURS, ROOT, composition, environment_of
from tests.servers import KafkaServer, MongoServer, running_kafka
from tests.waiting import wait_until

pytestmark = pytest.mark.long

BIN = Path(sys.executable).parent
PASSWORD = "a long password of nobody"


@pytest.fixture(scope="module")
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A broker of its own: the compose file keeps the default topic prefix, which belongs to nobody's test."""
    with ExitStack() as stack:
        try:
            yield stack.enter_context(running_kafka({}, tmp_path_factory.mktemp("broker")))
        except PartMissing as missing:
            part_missing(request.config, str(missing))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, broker: KafkaServer) -> Path:
    """The folder of secrets as `docker compose run setup` fills it, for the broker at hand."""
    made = tmp_path_factory.mktemp("secrets")
    shell, flags, script = composition()["services"]["setup"]["command"]
    script = script.replace("/secrets", str(made)).replace("kafka:9092", broker.bootstrap_servers).replace("$$", "$")
    done = subprocess.run(
        [shell, flags, script],
        env=plain_environment(),
        input=f"{PASSWORD}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return made


def plain_environment() -> dict[str, str]:
    return {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "HOME": os.environ["HOME"]}


def test_setup_makes_every_secret_for_its_owner_alone(folder: Path) -> None:
    for name, secret in composition()["secrets"].items():
        file = folder / secret["file"].removeprefix("./secrets/")
        assert file.exists(), name
        assert file.stat().st_mode & 0o077 == 0, name


def test_setup_replaces_no_keys(folder: Path) -> None:
    before = (folder / "rings" / "vault.ring.json").read_bytes()
    shell, flags, script = composition()["services"]["setup"]["command"]
    done = subprocess.run(
        [shell, flags, script.replace("/secrets", str(folder))],
        env=plain_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0
    assert (folder / "rings" / "vault.ring.json").read_bytes() == before


@pytest.fixture(scope="module")
def running(
    folder: Path, broker: KafkaServer, mongo: MongoServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, int]]:
    """The four services, and the health port of each."""
    database = f"compose_{secrets.token_hex(4)}"
    ports = dict(zip(OURS, free_ports(len(OURS)), strict=True))
    with ExitStack() as stack:
        for service, port in ports.items():
            child = Child(
                service,
                [sys.executable, *composition()["services"][service]["command"][1:]],
                log=tmp_path_factory.mktemp("logs") / f"{service}.log",
                environment={
                    **plain_environment(),
                    **local_environment(service, folder, broker, mongo, port, database),
                },
            )
            stack.callback(child.stop)
            child.start()
        yield ports
    mongo.drop(database)


def local_environment(
    service: str, folder: Path, broker: KafkaServer, mongo: MongoServer, port: int, database: str
) -> Mapping[str, str]:
    files = {
        f"/run/secrets/{name}": str(folder / secret["file"].removeprefix("./secrets/"))
        for name, secret in composition()["secrets"].items()
    }
    elsewhere = {
        **files,
        "kafka:9092": broker.bootstrap_servers,
        "mongodb://mongo:27017/?replicaSet=rs0": mongo.uri,
        "9000": str(port),
        "8080": str(free_ports(1)[0]),
        "0.0.0.0": "127.0.0.1",
    }
    own = {"GRANTKEEPER_MONGO__DATABASE": database} if service != "console" else {}
    template = {"GRANTKEEPER_TEMPLATES_DIR": str(ROOT / "templates")}  # as the Dockerfile sets it
    return {**environment_of(service, elsewhere), **own, **template}


@pytest.mark.parametrize("service", OURS)
async def test_a_service_becomes_healthy_by_the_check_of_the_compose_file(
    running: Mapping[str, int], service: str
) -> None:
    kind, program, *arguments = composition()["services"][service]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "python")
    check = [sys.executable, *(argument.replace("9000", str(running[service])) for argument in arguments)]

    def healthy() -> bool:
        return subprocess.run(check, capture_output=True, check=False).returncode == 0

    await wait_until(healthy, 60)
