"""The command line against the three services as processes and the local provider."""

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeVar

import yaml

from grantkeeper_client import load_credential, sealed_binding
from tests.integration.cli.installation import CLIENT_ID, CLIENT_SECRET, Installation, run

T = TypeVar("T")


def eventually(found: Callable[[], T], deadline: float = 20.0) -> T:
    """Return the first truthy result; fail after `deadline` seconds."""
    end = time.monotonic() + deadline
    while not (result := found()):
        assert time.monotonic() < end, f"not within {deadline:g} s"
    return result


def test_a_token_is_made_authorized_used_and_ended(installation: Installation) -> None:
    config_id = installation.create("Story")
    status = installation.run("token", "status", "Story", "-o", "json").json
    assert (status["config_id"], status["state"]) == (config_id, "not_authorized")
    refused = installation.run("token", "get", "Story", principal="mail")
    assert (refused.code, refused.out) == (69, "")
    assert "not_authorized" in refused.err

    completed = installation.authorize("Story")
    assert completed.code == 0, completed
    assert "alice@example.test" in completed.out
    got = installation.run("token", "get", "Story", principal="mail")
    assert (got.code, got.err) == (0, ""), got
    [access_token] = got.out.splitlines()
    assert got.out == access_token + "\n"
    assert installation.run("token", "get", config_id, "--min-validity", "1", principal="mail").out == got.out

    refreshed = installation.run("token", "refresh", "Story", "-o", "json").json
    assert refreshed["generation"] == 2
    assert installation.run("token", "get", "Story", principal="mail").out != got.out

    listed = installation.run("token", "list", "--search", "Story", "-o", "json").json
    assert [(row["name"], row["state"], row["account"]) for row in listed] == [
        ("Story", "active", "alice@example.test")
    ]

    revoked = installation.run("token", "revoke", "Story", "--yes", "-o", "json").json
    assert revoked["status"]["state"] == "revoked"
    assert installation.run("token", "get", "Story", principal="mail").code == 69


def test_a_password_command_is_a_process_that_prints_the_access_token_alone(installation: Installation) -> None:
    installation.create("Password command")
    installation.authorize("Password command", "carol@example.test")
    environment = {"GRANTKEEPER_CREDENTIAL": str(installation.credential("mail")), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "grantkeeper.cli", "token", "get"]
    got = subprocess.run(
        [*command, "Password command"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (got.returncode, got.stderr) == (0, "")
    assert len(got.stdout.splitlines()) == 1
    assert got.stdout == installation.run("token", "get", "Password command", principal="mail").out


def test_a_redirect_url_that_belongs_to_no_login_is_refused(installation: Installation) -> None:
    installation.create("Foreign login")
    pasted = "https://grantkeeper.example.org/oauth2/callback/x?code=planted-code&state=never-issued\n"
    ran = installation.run("authorization", "complete", "Foreign login", "--file", "-", given=pasted)
    assert ran.code in {65, 69}, ran
    assert "planted-code" not in ran.out + ran.err


def test_what_a_change_means_is_said_before_it_is_stored(installation: Installation) -> None:
    installation.create("Scoped")
    change = ("config", "update", "Scoped", "--scope", "openid email mail.smtp")
    meant = installation.run(*change, "--dry-run", "-o", "json").json
    assert (meant["new_login"], meant["changed"], meant["revision"]) == ("advised", ["scope"], 2)
    assert installation.run("config", "get", "Scoped", "-o", "json").json["revision"] == 1
    installation.run(*change)
    assert installation.run("config", "get", "Scoped", "-o", "json").json["config"]["scope"] == "openid email mail.smtp"
    history = installation.run("config", "history", "Scoped", "-o", "json").json
    assert [(one["revision"], one["actor"]) for one in history] == [(2, "admin"), (1, "admin")]


def test_somebody_elses_change_is_not_overwritten(installation: Installation) -> None:
    installation.create("Contested")
    installation.run("config", "update", "Contested", "--scope", "a")
    late = installation.run("config", "update", "Contested", "--scope", "b", "--revision", "1")
    assert late.code == 65
    assert "revision" in late.err


def test_a_secret_comes_from_a_file_and_is_stored_sealed_for_its_client_and_host(
    installation: Installation, tmp_path: Path
) -> None:
    installation.create("Sealed")
    (tmp_path / "secret").write_text("planted-secret\n", encoding="utf-8")
    changed = installation.run(
        *("config", "update", "Sealed", "--client-id", "other", "--secret-file", str(tmp_path / "secret"))
    )
    assert changed.code == 0, changed
    text = installation.run("config", "get", "Sealed", "--text").out
    stored = yaml.safe_load(text)["Config"]["ClientSecret"]
    host = installation.provider.base_url.removeprefix("http://")
    assert sealed_binding(stored) == {"use": "client_secret", "client_id": "other", "host": host}
    assert "planted-secret" not in text + changed.out + changed.err


def test_a_renamed_token_is_found_by_both_names_until_the_old_one_is_released(installation: Installation) -> None:
    config_id = installation.create("Old name")
    installation.run("config", "update", "Old name", "--name", "New name")
    for name in ("Old name", "New name", config_id):
        assert installation.run("config", "get", name, "-o", "json").json["config_id"] == config_id
    assert installation.run("config", "release-name", "New name", "Old name").code == 0
    assert installation.run("config", "get", "Old name").code == 67


def test_validity_is_set_and_seen(installation: Installation) -> None:
    installation.create("Switched")
    assert installation.run("config", "set-validity", "Switched", "invalid", "-o", "json").json["validity"] == "invalid"
    assert installation.run("config", "set-validity", "Switched", "perhaps").code == 64


def test_a_delete_asks_first_says_who_used_it_and_can_be_taken_back(installation: Installation) -> None:
    config_id = installation.create("Deleted")
    asked = installation.run("config", "delete", "Deleted", given="n\n")
    assert asked.code == 130
    assert "Nobody used 'Deleted' lately." in asked.err
    assert installation.run("config", "get", "Deleted", "-o", "json").json["deleted"] is False
    assert installation.run("config", "delete", "Deleted", "--yes", "-o", "json").json["deleted"] is True
    assert installation.run("token", "get", "Deleted", principal="mail").code in {67, 69}
    assert installation.run("config", "undelete", config_id, "-o", "json").json["deleted"] is False


def test_an_export_is_imported_unchanged(installation: Installation, tmp_path: Path) -> None:
    installation.create("Travelling")
    file = tmp_path / "export.yml"
    assert installation.run("config", "export", "Travelling", "--file", str(file)).out == f"{file}\n"
    assert installation.run("config", "export", "Travelling", "--file", str(file)).code == 73
    assert CLIENT_SECRET not in file.read_text(encoding="utf-8")
    imported = installation.run("config", "import", str(file), "-o", "json").json
    assert [(one["name"], one["outcome"]) for one in imported] == [("Travelling", "unchanged")]


def test_an_import_seals_plain_secrets_and_reports_each_record_by_its_line(
    installation: Installation, tmp_path: Path
) -> None:
    template = yaml.safe_load((installation.folder / "templates" / "example.yaml").read_text(encoding="utf-8"))
    secret = {"ClientID": CLIENT_ID, "ClientSecret": "planted-in-a-file", "TemplateName": "Example"}
    records = [{"Name": f"Imported {number}", "Config": deepcopy(template["Config"]) | secret} for number in range(120)]
    text = yaml.safe_dump(records, sort_keys=False) + "- Name: *nowhere\n"
    file = tmp_path / "import.yml"
    file.write_text(text, encoding="utf-8")

    rehearsed = installation.run("config", "import", str(file), "--dry-run", "-o", "json")
    assert rehearsed.code == 65
    outcomes = [one["outcome"] for one in json.loads(rehearsed.out)]
    assert outcomes == ["added"] * 120 + ["refused"]
    assert installation.run("config", "get", "Imported 0").code == 67

    imported = installation.run("config", "import", str(file))
    assert imported.code == 65
    assert "120 added, 1 refused" in imported.out
    last = len(text.splitlines())
    assert any(line.startswith(f"{last}:") for line in imported.out.splitlines())
    assert "planted-in-a-file" not in imported.out + imported.err
    again = installation.run("config", "import", str(file), "--overwrite")
    assert "120 overwritten" in again.out, "a secret sealed anew is another text"
    stored = installation.run("config", "get", "Imported 119", "--text").out
    assert "planted-in-a-file" not in stored
    assert "ClientSecret: sealed:" in stored


def test_a_file_is_checked_without_being_stored(installation: Installation, tmp_path: Path) -> None:
    file = tmp_path / "one.yml"
    file.write_text(
        "# a comment\nName: Checked\nConfig:\n  ClientID: x\n  ClientSecret: planted-in-a-check\n", encoding="utf-8"
    )
    checked = installation.run("config", "validate", str(file))
    assert checked.code == 65
    assert "planted-in-a-check" not in checked.out + checked.err
    assert installation.run("config", "get", "Checked").code == 67
    assert installation.run("config", "validate", str(tmp_path / "nowhere.yml")).code == 66


def test_a_registered_principal_gets_what_it_may_get_and_a_disabled_one_nothing(
    installation: Installation, tmp_path: Path
) -> None:
    installation.create("Allowed")
    installation.create("Withheld")
    installation.authorize("Allowed")
    installation.authorize("Withheld", "bob@example.test")
    file = installation.credential("mail-2")
    added = installation.run("principals", "add", "mail-2", "--role", "mail", "--config", "Allowed", "-o", "json").json
    assert (added["version"], len(added["configs"])) == (1, 1)
    minted = installation.run("principals", "mint", "mail-2", "--file", str(file))
    assert (minted.code, minted.out) == (0, f"{file}\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert installation.run("token", "get", "Allowed", principal="mail-2").code == 0
    assert installation.run("token", "get", "Withheld", principal="mail-2").code in {67, 77}

    installation.run("principals", "disable", "mail-2")
    assert installation.run("token", "get", "Allowed", principal="mail-2").code == 77
    assert installation.run("principals", "enable", "mail-2", "-o", "json").json["version"] == 2
    assert installation.run("token", "get", "Allowed", principal="mail-2").code != 0, "the old file stays useless"
    file.rename(tmp_path / "old")
    installation.run("principals", "mint", "mail-2", "--file", str(file))
    assert load_credential(file).version == 2
    assert installation.run("token", "get", "Allowed", principal="mail-2").code == 0
    assert installation.run("principals", "enable", "mail-2").code == 65
    assert installation.run("principals", "enable", "nobody").code == 67
    names = {one["principal"] for one in installation.run("principals", "list", "-o", "json").json}
    assert {"admin", "mail", "viewer", "mail-2"} <= names


def test_a_role_decides_what_is_done(installation: Installation) -> None:
    installation.create("Roles")
    assert installation.run("token", "list", principal="viewer").code == 0
    assert installation.run("config", "get", "Roles", principal="viewer").code == 77
    assert installation.run("token", "get", "Roles", principal="viewer").code == 77
    assert installation.run("token", "list", principal="mail").code == 77


def test_templates_are_shown(installation: Installation) -> None:
    [template] = installation.run("templates", "list", "-o", "json").json
    assert template["slug"] == "example"
    assert installation.run("templates", "show", "Example provider", "-o", "yaml").out.startswith("slug: example\n")
    assert installation.run("templates", "show", "nonsense").code == 67
    assert installation.run("config", "create", "x", "--template", "nonsense").code == 67


def test_what_needs_a_person_is_listed_acknowledged_and_settled_by_the_cure(installation: Installation) -> None:
    config_id = installation.create("Ended")
    installation.authorize("Ended", "dave@example.test")
    installation.provider.control.revoke("strict", login="dave@example.test")
    assert installation.run("token", "refresh", "Ended").code == 69

    def open_ones(*state: str) -> list[dict[str, Any]]:
        listed = installation.run("notifications", "list", "-o", "json", *state).json
        return [one for one in listed if one["config_id"] == config_id]

    one = eventually(open_ones)[0]
    assert (one["state"], one["name"]) == ("open", "Ended")
    seen = installation.run(
        "notifications", "acknowledge", one["cause"], "--sequence", str(one["sequence"]), "-o", "json"
    )
    assert (seen.json["state"], seen.json["acknowledged_by"]) == ("acknowledged", "admin")
    assert one["title"] in installation.run("notifications", "list", "--state", "acknowledged").out
    assert installation.run("notifications", "list", "--state", "nonsense").code == 65

    assert installation.authorize("Ended", "dave@example.test").code == 0
    assert eventually(lambda: open_ones("--state", "resolved"))[0]["cause"] == one["cause"]


def test_dead_letters_are_listed(installation: Installation, tmp_path: Path) -> None:
    assert run("rings", "make", str(tmp_path / "other")).code == 0
    stranger = tmp_path / "stranger.json"
    minted = run(
        *("principals", "mint", "mail", "--rings", str(tmp_path / "other"), "--prefix", installation.prefix),
        *("--bootstrap-servers", installation.bootstrap_servers, "--file", str(stranger)),
    )
    assert minted.code == 0
    unanswered = run("token", "get", "x", "--deadline", "2", "--credential", str(stranger))
    assert unanswered.code == 75
    assert "dead letters" in unanswered.err
    letters = installation.run("dead-letters", "list", "-o", "json").json
    assert {letter["reason"] for letter in letters} == {"unknown_ring"}
    assert {letter["topic"] for letter in letters} == {f"{installation.prefix}token.requests"}
    table = installation.run("dead-letters", "list", "--limit", "1").out
    assert table.splitlines()[0].split() == ["WHEN", "SERVICE", "PLACE", "REASON", "DETAIL"]
    assert len(table.splitlines()) == 2
