"""Grants that come another way than by a browser, and the switch that stops the engine, from the command line."""

import os
import re
import subprocess
import sys
from pathlib import Path

import requests

from tests.integration.cli.installation import CLIENT_ID, Installation

SCOPE = "openid email mail.imap offline_access"


def minted(installation: Installation, login: str) -> str:
    """A refresh token as another program holds it."""
    return str(
        installation.provider.control.mint("strict", [login], client_id=CLIENT_ID, scope=SCOPE)[0]["refresh_token"]
    )


def test_a_refresh_token_is_adopted_from_standard_input(installation: Installation) -> None:
    installation.create("Adopted")
    token = minted(installation, "alice@example.test")
    ran = installation.run("token", "adopt", "Adopted", "--file", "-", given=token + "\n")
    assert (ran.code, token in ran.out + ran.err) == (0, False), ran
    assert installation.run("token", "get", "Adopted", principal="mail").code == 0
    again = installation.run("token", "adopt", "Adopted", "--file", "-", given=minted(installation, "bob@example.test"))
    assert again.code == 65
    assert "generation" in again.err
    replaced = installation.run(
        *("token", "adopt", "Adopted", "--replace", "--file", "-", "-o", "json"),
        given=minted(installation, "bob@example.test"),
    )
    assert replaced.json["generation"] == 2


def test_many_are_adopted_from_a_file_that_nobody_else_can_read(installation: Installation, tmp_path: Path) -> None:
    for name in ("First", "Second"):
        installation.create(name)
    file = tmp_path / "tokens.tsv"
    lines = [f"First\t{minted(installation, 'a@example.test')}", "Second\tno-such-refresh-token", "Third\tx"]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    file.chmod(0o644)
    open_to_all = installation.run("token", "adopt-all", str(file))
    assert (open_to_all.code, "chmod 600" in open_to_all.err) == (66, True)
    file.chmod(0o600)
    ran = installation.run("token", "adopt-all", str(file))
    assert ran.code == 65, ran
    assert re.search(r"First +adopted", ran.out)
    assert re.search(r"Second +refused", ran.out)
    assert re.search(r"Third +refused", ran.out)
    assert "no-such-refresh-token" not in ran.out + ran.err
    assert installation.run("token", "status", "First", "-o", "json").json["state"] == "active"


def test_a_file_with_a_line_that_is_none_sends_nothing(installation: Installation) -> None:
    installation.create("Whole")
    ran = installation.run("token", "adopt-all", "-", given="Whole\tsecret-text\nno tab here\n")
    assert (ran.code, "line 2" in ran.err, "secret-text" in ran.err) == (65, True, False)
    assert installation.run("token", "status", "Whole", "-o", "json").json["state"] == "not_authorized"


def test_a_login_by_device_code_waits_for_its_outcome(installation: Installation) -> None:
    installation.create("Device")
    installation.provider.control.change_realm("strict", device_interval=1)
    environment = {"GRANTKEEPER_CREDENTIAL": str(installation.credential("admin")), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-u", "-m", "grantkeeper.cli", "token", "login", "Device", "--device"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as waiting:
        assert waiting.stdout is not None
        shown = re.fullmatch(r"(\S+) +code: (\S+)\n", waiting.stdout.readline())
        assert shown is not None
        form = {"user_code": shown[2], "login": "dora@example.test", "password": "any", "decision": "allow"}
        with requests.Session() as person:
            person.trust_env = False
            assert person.post(shown[1], form, timeout=10).ok
        out, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert re.search(r"account +dora@example.test", out)


def test_a_login_that_is_denied_ends_with_the_reason(installation: Installation) -> None:
    installation.create("Denied")
    installation.provider.control.change_realm("strict", device_interval=1, device_code_life=1)
    ended = installation.run("token", "login", "Denied", "--device")
    installation.provider.control.change_realm("strict", device_code_life=900)
    assert ended.code == 69
    assert "not entered in time" in ended.err


def test_the_engine_is_stopped_seen_and_resumed(installation: Installation) -> None:
    installation.create("Stopped")
    installation.authorize("Stopped", "erna@example.test")
    stopped = installation.run("engine", "stop", "-o", "json").json
    try:
        assert (stopped["stopped"], stopped["stopped_by"]) == (True, "admin")
        assert installation.run("token", "get", "Stopped", principal="mail").code == 0
        refused = installation.run("token", "refresh", "Stopped")
        assert (refused.code, "stopped" in refused.err) == (69, True)
        assert re.search(r"engine +stopped", installation.run("engine", "status", principal="viewer").out)
        assert installation.run("engine", "resume", principal="viewer").code == 77
    finally:
        assert installation.run("engine", "resume", "-o", "json").json["stopped"] is False
    assert installation.run("token", "refresh", "Stopped").code == 0
    used = installation.run("rings", "usage")
    assert (used.code, "One entry" in used.err) == (0, True), used
