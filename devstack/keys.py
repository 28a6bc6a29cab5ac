"""The keys of one checkout's stack: rings made once, a credential for each of its principals, a login for its console.

Only the devstack makes keys by itself; in production an operator does (`grantkeeper principals mint`).
"""

import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from devstack.errors import StartFailed
from devstack.layout import Layout
from grantkeeper.crypto import private_file
from grantkeeper.crypto.credentials import AUTH_RING, load_rings, make_rings, mint
from grantkeeper_client import dump_credential

VERSION = 1  # of every key: the devstack rotates none
PREFIX = "grantkeeper."
CONSOLE_USER = "admin"


@dataclass(frozen=True, slots=True)
class StackPrincipal:
    """A program that may send to the bus of the stack."""

    id: str
    role: str
    description: str
    acts_for_users: bool = False


PRINCIPALS = (
    StackPrincipal("console", "admin", "the web console", acts_for_users=True),
    StackPrincipal("admin", "admin", "the command line"),
    StackPrincipal("mail", "mail", "the demo's mail module"),
)


def prepare_keys(layout: Layout, bootstrap_servers: str) -> None:
    """Make what is missing, and write every credential for the servers of this start."""
    rings = load_rings(layout.rings) if (layout.rings / AUTH_RING).exists() else make_rings(layout.rings)
    for principal in PRINCIPALS:
        credential = mint(*rings, principal.id, VERSION, bootstrap_servers, PREFIX)
        _write(layout.credential(principal.id), dump_credential(credential))
    layout.principals.write_text(yaml.safe_dump(_list_of_principals(), sort_keys=False))
    if not layout.session_key.exists():
        _write(layout.session_key, secrets.token_urlsafe(48))
    if not layout.users.exists():
        _add_console_user(layout)


def _add_console_user(layout: Layout) -> None:
    """Through the command an operator uses: the devstack imports no service."""
    _write(layout.console_password, secrets.token_urlsafe(12))
    arguments = ["add", CONSOLE_USER, "--role=admin", f"--file={layout.users}"]
    command = [sys.executable, "-m", "services.console.users", *arguments, f"--password-file={layout.console_password}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StartFailed(f"the console's user cannot be added: {done.stderr.strip()[-300:]}")


def _list_of_principals() -> list[dict[str, object]]:
    return [
        {"principal": one.id, "role": one.role, "acts_for_users": one.acts_for_users, "description": one.description}
        for one in PRINCIPALS
    ]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        private_file.replace(path, text)
    else:
        private_file.write_new(path, text)
