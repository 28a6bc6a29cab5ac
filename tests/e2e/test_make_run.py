"""`make run` survives what happens on a developer's machine: a killed service, a killed stack, Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import uuid_utils

from devstack import demo
from devstack.layout import OFFSETS
from devstack.ports import is_free
from devstack.processes import answers_ok
from devstack.provider.control_client import ProviderControl
from grantkeeper_client import Asker, Grantkeeper, load_credential
from tests.e2e.running_stack import INTERRUPTIBLE, RunningStack, end_stack, free_port_base, running_stack, start_stack
from tests.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]


def pids(stack: RunningStack) -> dict[str, int]:
    """The running processes of a stack by name, as it wrote them down."""
    return {one["name"]: one["pid"] for one in json.loads((stack.layout.data / "processes.json").read_text())}


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_a_killed_service_comes_back_and_ctrl_c_ends_everything(tmp_path: Path) -> None:
    with running_stack(tmp_path) as stack:
        before = pids(stack)
        ready = f"{stack.layout.url('refresher health')}/readyz"
        os.kill(before["refresher"], signal.SIGKILL)
        await wait_until(lambda: pids(stack)["refresher"] != before["refresher"] and answers_ok(ready), 60)
        assert "refresher ended (-9), starts again" in stack.said()
        last = pids(stack)
    assert [name for name, pid in {**before, **last}.items() if alive(pid)] == []
    assert [purpose for purpose in OFFSETS if not is_free(stack.layout.port(purpose))] == []
    assert not (stack.layout.data / "processes.json").exists()


async def test_a_killed_stack_leaves_its_data_and_no_process(tmp_path: Path) -> None:
    first = start_stack(tmp_path, {})
    kept = await connected(first)
    left = pids(first)
    rings = (first.layout.rings / "vault.ring.json").read_bytes()
    password = first.layout.console_password.read_text()
    first.process.kill()
    first.process.wait()
    await wait_until(lambda: [name for name, pid in left.items() if alive(pid)] == [])
    second = start_stack(tmp_path, {}, first.layout.port_base)
    try:
        assert (second.layout.rings / "vault.ring.json").read_bytes() == rings
        assert second.layout.console_password.read_text() == password
        assert await still_served(second) == kept
    finally:
        end_stack(second)


NAME = "Kept over a restart"


async def connected(stack: RunningStack) -> tuple[str, int]:
    """Add a token and log in; its access token and generation."""
    layout = stack.layout
    credential = load_credential(layout.credential("admin"))
    async with Asker(credential) as admin, Grantkeeper(load_credential(layout.credential("mail"))) as mail:
        provider = ProviderControl(layout.url("provider"))
        stage = demo.Stage(layout, admin, credential, mail, provider, str(uuid_utils.uuid7()), NAME)
        await demo.add(stage)
        await demo.authorize(stage)
    return await still_served(stack)


async def still_served(stack: RunningStack) -> tuple[str, int]:
    async with Grantkeeper(load_credential(stack.layout.credential("mail"))) as mail:
        token = await mail.get_access_token(NAME, min_validity=1)
    return token.value, token.generation


def begin_start(data: Path, port_base: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "GRANTKEEPER_DATA": str(data), "PORT_BASE": str(port_base)}
    command = [*INTERRUPTIBLE, sys.executable, "-m", "devstack", "run"]
    return subprocess.Popen(command, env=environment, start_new_session=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_start_that_is_broken_off_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    data, port_base = tmp_path / "data", free_port_base()
    start = begin_start(data, port_base)
    started = data / "processes.json"
    try:
        await wait_until(lambda: started.exists() and "mongod" in started.read_text(), 60)
        began = [one["pid"] for one in json.loads(started.read_text())]
        start.send_signal(number)
        await wait_until(lambda: start.poll() is not None, 60)
    finally:
        start.kill()
        start.wait()
    assert [pid for pid in began if alive(pid)] == []
    assert [purpose for purpose, offset in OFFSETS.items() if not is_free(port_base + offset)] == []
