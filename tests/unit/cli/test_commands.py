"""The whole of the command line: what there is, what it never takes, how it fails."""

import subprocess
import sys
from pathlib import Path

import pytest

from grantkeeper.cli.__main__ import _without_credential
from tests.unit.cli.command_line import CommandLine, commands

COMMANDS = [
    "authorization complete",
    "authorization start",
    "config create",
    "config delete",
    "config export",
    "config get",
    "config history",
    "config import",
    "config release-name",
    "config set-validity",
    "config undelete",
    "config update",
    "config validate",
    "dead-letters list",
    "doctor",
    "engine resume",
    "engine status",
    "engine stop",
    "notifications acknowledge",
    "notifications list",
    "principals add",
    "principals disable",
    "principals enable",
    "principals list",
    "principals mint",
    "rings add",
    "rings make",
    "rings remove",
    "rings show",
    "rings usage",
    "rings use",
    "templates list",
    "templates show",
    "token adopt",
    "token adopt-all",
    "token get",
    "token list",
    "token login",
    "token refresh",
    "token revoke",
    "token status",
]


def test_these_commands_there_are() -> None:
    """Scripts are written against them: one that goes is a break."""
    assert sorted(name for name, _ in commands()) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(grantkeeper: CommandLine, name: str) -> None:
    assert grantkeeper.run(*name.split(), "--help") == 0
    assert len(grantkeeper.out.splitlines()) > 3


def test_no_command_takes_a_secret_as_an_argument() -> None:
    """Arguments stand in the list of processes and in the shell's history."""
    takes = {option for _, command in commands() for one in command.params for option in one.opts}
    assert {one for one in takes if "secret" in one or "password" in one or "token" in one.split("-")} == {
        "--secret-file",
        "--secret-prompt",
        "--notify-expired-token",
        "--notify-expired-refresh-token",
    }


@pytest.mark.parametrize("arguments", [["tken"], ["token"], ["token", "lst"], ["token", "list", "--no-such"], []])
def test_what_is_not_understood_ends_with_64(grantkeeper: CommandLine, arguments: list[str]) -> None:
    assert grantkeeper.run(*arguments) == 64
    assert "Usage" in grantkeeper.err + grantkeeper.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["token", "list"],
        ["token", "get", "x"],
        ["config", "get", "x"],
        ["principals", "list"],
        ["dead-letters", "list"],
        ["templates", "list"],
    ],
)
def test_without_a_credential_it_says_how_to_give_one(grantkeeper: CommandLine, arguments: list[str]) -> None:
    assert grantkeeper.run(*arguments) == 78
    assert grantkeeper.err == "grantkeeper: no credential: give --credential FILE or set GRANTKEEPER_CREDENTIAL\n"
    assert grantkeeper.out == ""


@pytest.mark.parametrize(
    ("arguments", "taken", "rest"),
    [
        (["--credential", "f", "token", "list"], ["--credential", "f"], ["token", "list"]),
        (["token", "list", "--credential=f"], ["--credential=f"], ["token", "list"]),
        (["token", "--credential", "f", "get", "x"], ["--credential", "f"], ["token", "get", "x"]),
        (["token", "get", "--", "--credential=f"], [], ["token", "get", "--", "--credential=f"]),
        (["token", "list", "--credential"], [], ["token", "list", "--credential"]),
    ],
)
def test_the_credential_may_stand_anywhere(arguments: list[str], taken: list[str], rest: list[str]) -> None:
    assert _without_credential(arguments) == (taken, rest)


@pytest.mark.parametrize("arguments", [["token", "list"], ["token", "get", "x"]])
def test_the_named_credential_is_the_one_that_is_read(
    grantkeeper: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    monkeypatch.setenv("GRANTKEEPER_CREDENTIAL", str(tmp_path / "of-the-environment"))
    assert grantkeeper.run(*arguments) == 78
    assert "of-the-environment cannot be read" in grantkeeper.err
    assert grantkeeper.run(*arguments, "--credential", str(tmp_path / "named")) == 78
    assert "named cannot be read" in grantkeeper.err


def test_token_get_starts_with_the_client_library_alone() -> None:
    """A password command is run at each login of a mail program."""
    program = (
        "import sys\n"
        "from grantkeeper.cli.__main__ import main\n"
        "try:\n"
        "    main(['token', 'get', 'x'])\n"
        "except SystemExit as ended:\n"
        "    assert ended.code == 78\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "heavy = {'typer', 'click', 'rich', 'pydantic', 'yaml', 'schemas', 'faststream', 'httpx'} & loaded\n"
        "assert not heavy, heavy\n"
        "house = {name for name in sys.modules if name.startswith('grantkeeper.')}\n"
        "assert all(name.startswith('grantkeeper.cli') for name in house), house\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={}, capture_output=True, timeout=60)


def test_token_get_is_strict_about_its_words(grantkeeper: CommandLine) -> None:
    assert grantkeeper.run("token", "get") == 64
    assert grantkeeper.run("token", "get", "x", "--min-validity", "soon") == 64
    assert grantkeeper.out == ""


def test_a_fault_of_the_program_ends_with_70_and_its_place(
    grantkeeper: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fault(_: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("grantkeeper.crypto.credentials.make_rings", fault)
    assert grantkeeper.run("rings", "make", str(tmp_path)) == 70
    assert "ZeroDivisionError: planted" in grantkeeper.err
