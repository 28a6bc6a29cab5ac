import json
from datetime import UTC, date, datetime

import pytest
import yaml

from grantkeeper.cli.output import facts, printable, shown, structured, table
from schemas.findings import Finding

FINDING = Finding(level="error", code="size", line=3, message="zu groß \x1b[31m", cure="shorten")


def test_a_terminals_control_codes_are_not_obeyed() -> None:
    """Names and providers' texts come from strangers."""
    assert printable("a\x1b[2Jb\x07c\u202e\r") == "a\ufffd[2Jb\ufffdc\ufffd\ufffd"
    assert printable("a\tb\nc ü 📬") == "a\tb\nc ü 📬"


def test_markup_in_a_cell_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    table(("A",), [("[red]x[/red] :smile:",)])
    assert "[red]x[/red] :smile:" in capsys.readouterr().out


def test_a_pipe_gets_whole_cells_each_row_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    table(("NAME", "TEXT"), [("n" * 300, "word " * 100), ("b", None)])
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["NAME", "TEXT"]
    assert "n" * 300 in first
    assert first.count("word") == 100
    assert second.split() == ["b", "-"]


def test_facts_leave_out_what_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    facts([("one", 1), ("two", None), ("three", ""), ("four", ()), ("five", False)])
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [["one", "1"], ["five", "no"]]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "yes"),
        (datetime(2026, 11, 24, 8, 0, 59, tzinfo=UTC), "2026-11-24 08:00Z"),
        (date(2026, 11, 24), "2026-11-24"),
        (("a", "b"), "a, b"),
        (7, "7"),
    ],
)
def test_values_are_written_for_people(value: object, text: str) -> None:
    assert shown(value) == text


def test_programs_get_json_or_yaml_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert structured(FINDING, "json")
    printed = capsys.readouterr().out
    assert json.loads(printed) == FINDING.model_dump(mode="json")
    assert "\x1b" not in printed
    assert structured([FINDING], "yaml")
    printed = capsys.readouterr().out
    assert yaml.safe_load(printed) == [FINDING.model_dump(mode="json")]
    assert "\x1b" not in printed


def test_a_table_is_left_to_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert not structured(FINDING, "table")
    assert capsys.readouterr().out == ""
