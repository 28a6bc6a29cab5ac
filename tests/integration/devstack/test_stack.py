"""`make run` refuses with one clear line what it cannot do, and never touches what is not its own."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from devstack.errors import DevstackError, PortTaken
from devstack.layout import Layout, read_layout
from devstack.ports import free_ports, require_free
from devstack.stack import alone


def devstack(command: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "devstack", command],
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_taken_port_is_named_with_the_setting_that_moves_it(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    with socket.create_server(("127.0.0.1", port)):
        done = devstack("run", {"PORT_BASE": str(port), "GRANTKEEPER_DATA": str(tmp_path)})
    assert done.returncode == 1
    expected = f"devstack: port {port} (console) is taken; move all ports: PORT_BASE={port + 1000} make run"
    assert done.stderr.strip() == expected


def test_a_free_port_is_not_refused(tmp_path: Path) -> None:
    require_free(free_ports(1)[0], "console", Layout(tmp_path))


def test_a_port_that_was_closed_a_moment_ago_is_free(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    with socket.create_server(("127.0.0.1", port)) as server, socket.create_connection(("127.0.0.1", port)) as client:
        accepted, _ = server.accept()
        accepted.close()  # the server's side closes first and stays in TIME_WAIT
        client.recv(1)
    require_free(port, "console", Layout(tmp_path))
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortTaken):
        require_free(port, "console", Layout(tmp_path))


@pytest.mark.parametrize("value", ["70000", "80", "abc", "-1", "1e4"])
def test_an_impossible_port_base_is_named(tmp_path: Path, value: str) -> None:
    with pytest.raises(DevstackError, match=f"^PORT_BASE={value} is no port base; use a number from 1024 to "):
        read_layout({"PORT_BASE": value}, tmp_path)


def test_a_second_stack_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with alone(tmp_path / "data"):
        done = devstack("run", {"GRANTKEEPER_DATA": str(tmp_path / "data"), "PORT_BASE": str(free_ports(1)[0])})
    assert done.returncode == 1
    assert "a stack already runs in" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_clean_removes_no_folder_that_is_not_the_stack_s(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years of work")
    done = devstack("clean", {"GRANTKEEPER_DATA": str(tmp_path)})
    assert done.returncode == 1
    assert "holds other files" in done.stderr
    assert (tmp_path / "thesis.txt").exists()


def test_clean_removes_the_stack_s_own_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with alone(data):
        (data / "mongo").mkdir()
    assert devstack("clean", {"GRANTKEEPER_DATA": str(data)}).returncode == 0
    assert not data.exists()
