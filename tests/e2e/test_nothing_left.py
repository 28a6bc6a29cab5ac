"""A run of the tests leaves no process behind: whether it passes, fails or is interrupted."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from devstack.child import tied
from tests.e2e.running_stack import INTERRUPTIBLE
from tests.waiting import wait_until

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
TEST_WITH_BOTH_SERVERS = """
import asyncio, pathlib

async def test_both(kafka, mongo):
    assert kafka.process and mongo.process
    {ending}
"""
TEST_WITH_A_STACK = """
import pathlib, time
from tests.e2e.running_stack import running_stack

def test_stack(tmp_path):
    with running_stack(tmp_path, command=["make", "run"]):
        {ending}
"""
PASSES, FAILS = "pass", "assert False"
TOUCHES = "pathlib.Path(__file__).with_name('waits').touch(); "
WAITS = TOUCHES + "await asyncio.sleep(60)"


def start_tests(folder: Path, ending: str, generated: str = TEST_WITH_BOTH_SERVERS) -> subprocess.Popen[bytes]:
    test = folder / "test_generated.py"
    test.write_text(generated.format(ending=ending))
    options = ["-q", "-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest", "-p", "no:cacheprovider"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRANTKEEPER_")}
    return subprocess.Popen(
        tied(
            [*INTERRUPTIBLE, sys.executable, "-m", "pytest", str(test), f"--basetemp={folder / 'servers'}", *options],
            "TERM",
        ),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
    )


def servers_in(folder: Path) -> set[str]:
    """The names of the living processes whose command line names the folder of the servers."""
    return {process.name() for process in psutil.process_iter() if str(folder / "servers") in command_of(process)}


def command_of(process: psutil.Process) -> str:
    try:
        if process.status() == psutil.STATUS_ZOMBIE or "pytest" in process.cmdline():
            return ""
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@pytest.mark.parametrize(("ending", "code"), [(PASSES, 0), (FAILS, 1)])
def test_a_session_that_ends_leaves_no_server(tmp_path: Path, ending: str, code: int) -> None:
    assert start_tests(tmp_path, ending).wait(100) == code
    assert servers_in(tmp_path) == set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_a_session_that_is_interrupted_leaves_no_server(tmp_path: Path, number: signal.Signals) -> None:
    session = start_tests(tmp_path, WAITS)
    try:
        await wait_until((tmp_path / "waits").exists, 60)
        assert servers_in(tmp_path) == {"java", "mongod"}
        session.send_signal(number)
        await wait_until(lambda: session.poll() is not None, 60)
    finally:
        session.kill()
        session.wait()
    await wait_until(lambda: servers_in(tmp_path) == set(), 20)


async def test_a_session_that_is_killed_leaves_no_stack(tmp_path: Path) -> None:
    """The stack is a process of its own, started by `make`, and its services are processes of the stack's."""
    session = start_tests(tmp_path, TOUCHES + "time.sleep(60)", TEST_WITH_A_STACK)
    try:
        await wait_until((tmp_path / "waits").exists, 90)
        assert servers_in(tmp_path) >= {"java", "mongod"}
        session.kill()
    finally:
        session.kill()
        session.wait()
    await wait_until(lambda: servers_in(tmp_path) == set(), 40)
