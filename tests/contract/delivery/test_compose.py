"""compose.yaml and Dockerfile refer to nothing that does not exist, and to every setting by its right name."""

import importlib
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from devstack.kafka import Kafka, Node
from devstack.ports import free_ports
from grantkeeper.process import settings
from grantkeeper.process.settings import ProcessSettings, refuse_misspelt
from tests.contract.delivery.composition import OURS, ROOT, composition, environment_of

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_compose_file_is_valid() -> None:
    checker = str(Path(sys.executable).with_name("check-jsonschema"))
    command = [checker, "--builtin-schema", "vendor.compose-spec", "compose.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("service", OURS)
def test_every_variable_of_a_service_is_one_of_its_settings_and_none_is_missing(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in composition()["secrets"]:
        (tmp_path / name).write_text("x" * 48)
    environment = environment_of(service, {"/run/secrets": str(tmp_path)})
    model = settings_model(service)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    refuse_misspelt(model, environment)
    known = dict(settings.variables_of(model))
    unknown = [name for name in environment if name not in known and name.removesuffix("_FILE") not in known]
    assert unknown == []
    assert model().kafka.bootstrap_servers == "kafka:9092"


@pytest.mark.parametrize("service", OURS)
def test_the_command_of_a_service_is_a_program_of_this_project(service: str) -> None:
    assert composition()["services"][service]["command"] == ["python", "-m", f"services.{service}"]
    assert (ROOT / "services" / service / "__main__.py").is_file()


@pytest.mark.parametrize("service", OURS)
def test_a_service_gets_the_secrets_it_names_and_no_other(service: str) -> None:
    one = composition()["services"][service]
    named = {value.removeprefix("/run/secrets/") for value in one["environment"].values() if "/run/secrets/" in value}
    assert named == set(one["secrets"])


def test_only_the_refresher_holds_the_vault() -> None:
    holders = [name for name, one in composition()["services"].items() if "vault.ring.json" in one.get("secrets", ())]
    assert holders == ["refresher"]


def test_every_secret_is_used() -> None:
    used = {name for one in composition()["services"].values() for name in one.get("secrets", ())}
    assert used == set(composition()["secrets"])


@pytest.mark.parametrize("service", OURS)
def test_a_service_runs_without_privileges(service: str) -> None:
    one = composition()["services"][service]
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert one["user"] == "1000:1000"


def test_everything_the_image_copies_exists_and_is_let_through() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    sources = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert len(sources) > 5
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(fnmatch(source, pattern) for pattern in allowed), f"{source} is kept out by .dockerignore"


def test_the_image_installs_only_what_is_locked_and_runs_as_nobody_special() -> None:
    installs = re.findall(r"pip install[^&\n]*", DOCKERFILE)
    assert installs
    assert [line for line in installs if "--require-hashes" not in line and "--no-deps" not in line] == []
    assert re.search(r"^USER \d{5}$", DOCKERFILE, re.MULTILINE)


def test_the_wheel_holds_what_production_needs_and_nothing_of_the_devstack(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True, timeout=60)
    listed = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", *map(str, tmp_path.glob("*.whl"))],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    files = {line.split()[0] for line in listed.splitlines()[1:]}
    data = {
        str(path.relative_to(ROOT))
        for room in ("services", "schemas", "grantkeeper")
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert data - files == set()
    assert not [name for name in files if name.startswith(("devstack", "tests"))]


def test_the_broker_starts_with_the_settings_of_the_compose_file(tmp_path: Path) -> None:
    port, controller_port = free_ports(2)
    environment = environment_of(
        "kafka",
        {
            "kafka:9093": f"127.0.0.1:{controller_port}",
            "kafka:9092": f"127.0.0.1:{port}",
            "://:9093": f"://127.0.0.1:{controller_port}",
            "://:9092": f"://127.0.0.1:{port}",
            "/var/lib/kafka/data": str(tmp_path / "logs"),
        },
    )
    properties = {name.removeprefix("KAFKA_").lower().replace("_", "."): value for name, value in environment.items()}
    broker = Kafka(tmp_path, Node(1, port, controller_port), properties=properties)
    try:
        broker.start()
    finally:
        broker.stop()


def settings_model(service: str) -> type[ProcessSettings]:
    module = importlib.import_module(f"services.{service}.settings")
    found: list[Any] = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, ProcessSettings) and value is not ProcessSettings
    ]
    assert len(found) == 1
    model: type[ProcessSettings] = found[0]
    return model
