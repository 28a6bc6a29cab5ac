"""Who may log in: a mounted file, one user a line: `name:role:argon2id hash`.

The file is read again when it changes, so a user who is removed, or whose role or password changes, is out at the next
request on every replica. `python -m services.console.users add NAME --role admin` writes a line.
"""

import argparse
import getpass
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import SecretStr

Role = Literal["admin", "viewer"]
"""admin: everything; viewer: sees everything, changes nothing."""

ROLES: Final = get_args(Role)
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")
MIN_PASSWORD_LENGTH: Final = 12
"""NIST SP 800-63B asks for 8; this login guards every mailbox."""

_HASHER: Final = PasswordHasher()


class UsersFileError(ValueError):
    """The users file cannot be used; the message names file, line and cure."""


@dataclass(frozen=True, slots=True)
class User:
    """One person."""

    name: str
    role: Role
    password_hash: str = field(repr=False)

    @property
    def is_admin(self) -> bool:
        """Whether this person may change anything."""
        return self.role == "admin"

    @property
    def fingerprint(self) -> str:
        """Changes with the password: sessions carry it, so that a new password ends old sessions."""
        return sha256(self.password_hash.encode()).hexdigest()[:16]


class Users:
    """The users file, read anew whenever it changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version: tuple[int, int, int] | None = None
        self._users: Mapping[str, User] = {}

    def get(self, name: str) -> User | None:
        """Return a user by name; raises UsersFileError."""
        self._refresh()
        return self._users.get(name)

    def check(self, name: str, password: SecretStr) -> User | None:
        """Return the user if the password is right. Takes about 50 ms of a processor, also for unknown names."""
        user = self.get(name)
        try:
            _HASHER.verify(user.password_hash if user else _nobodys_hash(), password.get_secret_value())
        except (VerificationError, InvalidHashError):
            return None
        return user

    def problems(self) -> list[str]:
        """Say what keeps people from logging in."""
        try:
            self._refresh()
        except UsersFileError as error:
            return [str(error)]
        return [] if self._users else [f"{self._path} names no user: python -m services.console.users add NAME"]

    def _refresh(self) -> None:
        try:
            found = self._path.stat()
            version = (found.st_mtime_ns, found.st_size, found.st_ino)
            if version != self._version:
                self._users = parse(self._path.read_text(encoding="utf-8"), str(self._path))
                self._version = version
        except (OSError, UnicodeDecodeError) as error:
            problem = error.strerror if isinstance(error, OSError) else "is not UTF-8"
            raise UsersFileError(
                f"users file {self._path}: {problem}: mount it so that this process may read it"
            ) from None


@cache
def _nobodys_hash() -> str:
    """What an unknown name is checked against, so that it takes as long as a known one."""
    return _HASHER.hash("nobody has this password")


def parse(text: str, place: str) -> dict[str, User]:
    """Read the lines of a users file; blank lines and `#` comments are passed over."""
    users: dict[str, User] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        user = _user(line, f"{place}, line {number}")
        if user.name in users:
            raise UsersFileError(f"{place}, line {number}: {user.name} stands twice: remove one of the two lines")
        users[user.name] = user
    return users


def _user(line: str, place: str) -> User:
    name, _, rest = line.partition(":")
    role, _, password_hash = rest.partition(":")
    if not NAME.fullmatch(name):
        raise UsersFileError(f"{place}: a user name is 1 to 100 of letters, digits and . _ @ -")
    if role not in ROLES or not password_hash.startswith("$argon2id$"):
        raise UsersFileError(f"{place}: must be name:admin|viewer:$argon2id$...: add the user anew")
    return User(name, role, password_hash.strip())  # type: ignore[arg-type]  # checked against ROLES above


def add(path: Path, name: str, role: Role, password: SecretStr) -> bool:
    """Write or replace a user's line; tell whether there was one. Raises UsersFileError."""
    if len(password.get_secret_value()) < MIN_PASSWORD_LENGTH:
        raise UsersFileError(f"the password is shorter than {MIN_PASSWORD_LENGTH} characters: choose a longer one")
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    known = name in parse(text, str(path))
    line = f"{name}:{role}:{_HASHER.hash(password.get_secret_value())}"
    _user(line, "the new user")
    kept = [old for old in text.splitlines() if not old.startswith(f"{name}:")]
    _replace(path, "\n".join([*kept, line]) + "\n")
    return known


def _replace(path: Path, text: str) -> None:
    """Write beside the file, then move over it: the console never sees half a file."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(beside).chmod(0o600)
    Path(beside).replace(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Add a user, or give one a new role or password."""
    parser = argparse.ArgumentParser(prog="python -m services.console.users", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    adding = commands.add_parser("add", help="add a user, or replace role and password")
    adding.add_argument("name")
    adding.add_argument("--role", choices=ROLES, default="viewer")
    adding.add_argument("--file", type=Path, default=Path("users"), help="the users file (default: ./users)")
    adding.add_argument("--password-file", type=Path, help="read the password from a file instead of asking")
    chosen = parser.parse_args(arguments)
    try:
        known = add(chosen.file, chosen.name, chosen.role, _password(chosen.password_file))
    except (UsersFileError, OSError) as error:
        parser.exit(1, f"{error}\n")
    sys.stdout.write(f"{chosen.name} {'changed' if known else 'added'} in {chosen.file}\n")


def _password(path: Path | None) -> SecretStr:
    if path is not None:
        return SecretStr(path.read_text(encoding="utf-8").removesuffix("\n"))
    return SecretStr(getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().removesuffix("\n"))


if __name__ == "__main__":
    main()
