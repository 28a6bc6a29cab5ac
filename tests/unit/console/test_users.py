"""The users file and the command that writes it."""

import io
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.console.users import Users, UsersFileError, add, main, parse


def test_a_user_who_was_added_can_log_in(tmp_path: Path) -> None:
    path = tmp_path / "users"
    assert not add(path, "anna", "admin", SecretStr("a long password"))
    assert add(path, "anna", "viewer", SecretStr("a longer password"))
    users = Users(path)
    assert users.check("anna", SecretStr("a long password")) is None
    user = users.check("anna", SecretStr("a longer password"))
    assert user is not None
    assert user.role == "viewer"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "password" not in path.read_text()
    assert "argon2" not in repr(user)


def test_other_lines_and_comments_stay(tmp_path: Path) -> None:
    path = tmp_path / "users"
    add(path, "anna", "admin", SecretStr("a long password"))
    path.write_text("# who may\n" + path.read_text())
    add(path, "ben", "viewer", SecretStr("a long password"))
    assert path.read_text().startswith("# who may\nanna:admin:")
    assert set(parse(path.read_text(), "users")) == {"anna", "ben"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("anna\n", "line 1: must be name:admin"),
        ("\n# x\nan na:admin:$argon2id$x\n", "line 3: a user name is"),
        ("anna:root:$argon2id$x\n", "line 1: must be name:admin"),
        ("anna:admin:plain\n", "line 1: must be name:admin"),
        ("a:admin:$argon2id$x\na:admin:$argon2id$y\n", "line 2: a stands twice"),
    ],
)
def test_a_bad_line_is_named_with_its_cure_and_never_quoted(text: str, problem: str) -> None:
    with pytest.raises(UsersFileError, match=problem) as caught:
        parse(text, "users")
    assert "plain" not in str(caught.value)


def test_a_short_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsersFileError, match="shorter than 12"):
        add(tmp_path / "users", "anna", "admin", SecretStr("short"))
    assert not (tmp_path / "users").exists()


def test_problems_say_what_is_missing(tmp_path: Path) -> None:
    assert "No such file" in Users(tmp_path / "users").problems()[0]
    (tmp_path / "users").write_text("")
    assert "names no user" in Users(tmp_path / "users").problems()[0]


def test_the_command_reads_the_password_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "users"
    monkeypatch.setattr("sys.stdin", io.StringIO("a long password\n"))
    main(["add", "anna", "--role", "admin", "--file", str(path)])
    assert capsys.readouterr().out == f"anna added in {path}\n"
    assert Users(path).check("anna", SecretStr("a long password")) is not None


def test_the_command_says_what_is_wrong_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = tmp_path / "password"
    secret.write_text("short\n")
    with pytest.raises(SystemExit) as ended:
        main(["add", "anna", "--file", str(tmp_path / "users"), "--password-file", str(secret)])
    assert ended.value.code == 1
    assert capsys.readouterr().err == "the password is shorter than 12 characters: choose a longer one\n"
