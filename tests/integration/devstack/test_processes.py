"""The supervisor starts again what dies, gives up on wrong settings, and ends only what it started."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from devstack.child import Child, group_members, tied
from devstack.errors import StartFailed
from devstack.ports import free_ports
from devstack.processes import Service, Supervisor
from devstack.remembered import end_leftovers, remember
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
SLEEPER = (sys.executable, "-c", "import time; time.sleep(600)")
SERVER = (sys.executable, "-m", "http.server", "--bind", "127.0.0.1")


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, told: list[str]) -> Iterator[Supervisor]:
    one = Supervisor(tmp_path / "stack", environment={}, tell=told.append)
    yield one
    one.stop()


async def test_a_killed_service_is_started_again_and_serves(supervisor: Supervisor, told: list[str]) -> None:
    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}/"
    supervisor.start([Service("web", (*SERVER, str(port)), ready_url=url)])
    supervisor.wait_until_ready()
    first = supervisor.child("web").pid
    supervisor.child("web").signal(signal.SIGKILL)

    def lives_again() -> bool:
        supervisor.look()
        return supervisor.child("web").running and supervisor.child("web").pid != first

    await wait_until(lives_again)
    assert told
    assert "web ended (-9)" in told[0]


async def test_a_service_with_wrong_settings_is_not_started_again(supervisor: Supervisor, told: list[str]) -> None:
    broken = "import sys; print('settings: X is not set', file=sys.stderr); sys.exit(78)"
    supervisor.start([Service("broken", (sys.executable, "-c", broken))])
    pid = supervisor.child("broken").pid

    def noticed() -> bool:
        supervisor.look()
        return bool(told)

    await wait_until(noticed)
    for _ in range(3):
        supervisor.look()
    assert told == ["broken ended, its settings are wrong: settings: X is not set"]
    assert supervisor.child("broken").pid == pid


def test_a_service_that_ends_at_start_is_named_with_its_last_words(supervisor: Supervisor) -> None:
    service = Service("dies", (sys.executable, "-c", "raise SystemExit('no luck')"), ready_url="http://127.0.0.1:1/")
    supervisor.start([service])
    with pytest.raises(StartFailed, match="dies ended at start: no luck"):
        supervisor.wait_until_ready()


def test_stopping_ends_the_children_of_a_service_too(supervisor: Supervisor) -> None:
    parent = f"import subprocess; subprocess.run({[*SLEEPER]!r})"
    supervisor.start([Service("parent", (sys.executable, "-c", parent))])
    group = supervisor.child("parent").pid
    assert group is not None
    supervisor.stop()
    assert group_members(group) == []


def test_a_service_that_ignores_the_polite_signal_is_ended(supervisor: Supervisor, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    stubborn = (
        "import signal, time, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"pathlib.Path({str(ready)!r}).touch(); time.sleep(600)"
    )
    supervisor.start([Service("stubborn", (sys.executable, "-c", stubborn))])
    child = supervisor.child("stubborn")
    child.wait_until_ready(ready.exists, 20)
    supervisor.stop(grace=0.2)
    assert not child.running


async def test_a_child_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """However the parent ends: no `finally` and no signal handler of its runs after kill -9."""
    parent = start_parent(tmp_path)
    try:
        await wait_until((tmp_path / "pid").exists)
        orphan = psutil.Process(int((tmp_path / "pid").read_text()))
        await wait_until(lambda: orphan.cmdline() == [*SLEEPER])
    finally:
        parent.kill()
        parent.wait()
    await wait_until(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE)


def start_parent(tmp_path: Path) -> subprocess.Popen[bytes]:
    program = (
        "import time; from pathlib import Path; from devstack.child import Child;"
        f"one = Child('orphan', {SLEEPER!r}, log=Path({str(tmp_path / 'log')!r}), environment={{}}); one.start();"
        f"part = Path({str(tmp_path / 'part')!r}); part.write_text(str(one.pid)); part.rename(part.with_name('pid'));"
        "time.sleep(600)"
    )
    return subprocess.Popen(tied([sys.executable, "-c", program]), cwd=ROOT)


def test_what_a_killed_stack_left_is_ended_by_the_next_start(tmp_path: Path) -> None:
    left = Child("left", SLEEPER, log=tmp_path / "log", environment={})
    left.start()
    remember(tmp_path / "processes.json", [left])
    assert end_leftovers(tmp_path / "processes.json") == ["left"]
    assert not left.running
    assert end_leftovers(tmp_path / "processes.json") == []


def test_a_foreign_process_that_got_the_pid_is_never_touched(tmp_path: Path) -> None:
    left = Child("left", SLEEPER, log=tmp_path / "log", environment={})
    left.start()
    file = tmp_path / "processes.json"
    remember(file, [left])
    foreign = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(601)"], start_new_session=True)
    try:
        file.write_text(file.read_text().replace(str(left.pid), str(foreign.pid)))
        assert end_leftovers(file) == []
        assert foreign.poll() is None
        assert psutil.pid_exists(foreign.pid)
    finally:
        os.killpg(foreign.pid, signal.SIGKILL)
        foreign.wait()
        left.stop()
