"""Our own local provider as a process, for tests that kill or measure; in a thread it is `ProviderThread`."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack.child import Child
from devstack.ports import accepts, free_ports
from devstack.provider.control_client import ProviderControl

START_DEADLINE = 20  # seconds


@dataclass(frozen=True, slots=True)
class Stub:
    base_url: str
    control: ProviderControl
    child: Child

    def issuer(self, realm: str) -> str:
        return f"{self.base_url}/{realm}"


def start_stub(
    folder: Path, environment: Mapping[str, str], *, port: int | None = None, data: Path | None = None
) -> Stub:
    """Start and wait until it listens; the caller stops `.child`."""
    port = free_ports(1)[0] if port is None else port
    kept = [] if data is None else ["--data", str(data)]
    child = Child(
        "local provider",
        [sys.executable, "-m", "devstack.provider", "--port", str(port), *kept],
        log=folder / f"provider-{port}.log",
        environment={"PATH": environment.get("PATH", "")},
    )
    child.start()
    child.wait_until_ready(lambda: accepts(port), START_DEADLINE)
    base_url = f"http://127.0.0.1:{port}"
    return Stub(base_url, ProviderControl(base_url), child)
