"""What a command prints: tables for people, JSON or YAML for programs. Never a secret, never a terminal's control code.

Names and providers' texts come from strangers; what does not print is shown as a replacement character.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

import typer
import yaml
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

Format = Literal["table", "json", "yaml"]
FormatOption = Annotated[Format, typer.Option("--output", "-o", help="How to print the result.")]
# A pipe has no width: nothing is cut or wrapped for it.
_PIPE_WIDTH: Final = 100_000


def say(text: str) -> None:
    """Print one line of the result."""
    typer.echo(printable(text))


def note(text: str) -> None:
    """Tell the person something that is not the result."""
    typer.echo(printable(text), err=True)


def structured(value: BaseModel | Sequence[BaseModel], output: Format) -> bool:
    """Print a result for a program; False where the person asked for a table."""
    if output == "table":
        return False
    plain = (
        value.model_dump(mode="json")
        if isinstance(value, BaseModel)
        else [one.model_dump(mode="json") for one in value]
    )
    typer.echo(_written(plain, output), nl=False)
    return True


def _written(plain: Any, output: Format) -> str:
    if output == "json":
        return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"
    return str(yaml.dump(plain, Dumper=_Blocks, sort_keys=False, allow_unicode=True))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; cells are whatever `shown` knows. Of no rows the person is told, a pipe gets nothing."""
    drawn = Table(*columns, box=None, pad_edge=False, header_style="bold", show_edge=False)
    for row in rows:
        drawn.add_row(*(Text(shown(cell)) for cell in row))
    if drawn.row_count:
        _draw(drawn)
    else:
        note("none")


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values, leaving out what is not known."""
    drawn = Table(box=None, pad_edge=False, show_header=False)
    for name, value in pairs:
        if value not in (None, "", ()):
            drawn.add_row(Text(name, style="bold"), Text(shown(value)))
    _draw(drawn)


def shown(value: object) -> str:
    """Write one value for a person: times in UTC to the minute, lists with commas."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%MZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ", ".join(shown(item) for item in value)
    return printable(str(value))


def printable(text: str) -> str:
    """Replace what a terminal would obey instead of print; line breaks and tabs stay."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)


def sentence(text: str) -> str:
    """End a text as a sentence, once; nothing stays nothing."""
    return text and text.rstrip(". ") + "."


def _draw(drawn: Table) -> None:
    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False, emoji=False)
    with console.capture() as capture:
        console.print(drawn)
    for line in capture.get().splitlines():
        typer.echo(line.rstrip())


class _Blocks(yaml.SafeDumper):
    """Writes a text of several lines as such."""


def _write_text(dumper: _Blocks, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Blocks.add_representer(str, _write_text)
