import io
import sys
from pathlib import Path

import pytest

from grantkeeper.cli.errors import InputFileError, WrongData
from grantkeeper.cli.secret_input import read_secret


def test_a_secret_of_a_file_goes_without_its_line_break(tmp_path: Path) -> None:
    for ending in ("", "\n", "\r\n"):
        (tmp_path / "s").write_bytes(f" se cret {ending}".encode())
        assert read_secret("Client secret", str(tmp_path / "s"), prompt=False) == " se cret "


def test_a_secret_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"secret\n")))
    assert read_secret("Client secret", "-", prompt=False) == "secret"


def test_no_secret_was_offered() -> None:
    assert read_secret("Client secret", None, prompt=False) is None


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff"])
def test_an_empty_or_unreadable_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s").write_bytes(content)
    with pytest.raises(WrongData, match="client secret is"):
        read_secret("Client secret", str(tmp_path / "s"), prompt=False)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="nowhere"):
        read_secret("Client secret", str(tmp_path / "nowhere"), prompt=False)
