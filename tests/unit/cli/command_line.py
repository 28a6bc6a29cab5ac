"""The command line as a test runs it: in this process, what it printed in hand."""

from collections.abc import Iterator

import pytest
import typer

from grantkeeper.cli import __main__
from grantkeeper.cli.app import app


class CommandLine:
    """`run("token", "list")` returns the exit code; `.out` and `.err` hold what that run printed."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self.out = ""
        self.err = ""

    def run(self, *arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            __main__.main(list(arguments))
        self.out, self.err = self._capture.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code


def commands() -> Iterator[tuple[str, "typer.core.TyperCommand"]]:
    """Yield every command there is, by its words."""
    root = typer.main.get_command(app)
    for noun, group in root.commands.items():  # type: ignore[attr-defined]
        if not hasattr(group, "commands"):
            yield noun, group
            continue
        for verb, command in group.commands.items():
            yield f"{noun} {verb}", command
