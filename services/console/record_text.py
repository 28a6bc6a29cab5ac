"""The YAML of one token config as a person types it: its secret sealed before it is sent, its errors at their lines.

A text that cannot be read may hold a secret in the clear. It is cut out before the text is shown again, since no page
carries a secret.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any, Final

from grantkeeper.strict_yaml import StrictYamlError, split_records
from grantkeeper.transfer import seal_record
from schemas.config_commands import RECORD_MAX_BYTES
from schemas.replies import Detail
from services.console import views

MASK: Final = "sealed:(hidden)"
_SEALED: Final = re.compile(r"sealed:[A-Za-z0-9_.\-]+")
_QUOTED: Final = r"""\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'"""
_PLAIN: Final = re.compile(
    rf"""(\bClientSecret["']?[ \t]*:[ \t]*+)(?!["']?sealed:|$)({_QUOTED}|[^\n]+)""", re.MULTILINE
)
_BLOCK: Final = re.compile(r"""(?P<before>[ \t]*(?:-[ \t]+)?)["']?ClientSecret["']?[ \t]*:(?=[ \t]*[|>])""")
_AROUND: Final = 2
"""Lines shown above one that is wrong."""


@dataclass(frozen=True, slots=True)
class Marked:
    """One complaint, with the lines it is about."""

    detail: Detail
    excerpt: str

    @property
    def sentence(self) -> str:
        """The problem and its cure."""
        return views.detail(self.detail)


def sealed(typed: str, installation_key: Mapping[str, Any]) -> str:
    """Return the text to send: one record, its client secret sealed; raises StrictYamlError."""
    if len(typed.encode()) > RECORD_MAX_BYTES:
        raise StrictYamlError(
            "size", 1, 1, f"the text is longer than {RECORD_MAX_BYTES} bytes", "Shorten its comments."
        )
    records = split_records(typed)
    if len(records) != 1:
        problem = "here stand several records" if records else "here stands nothing"
        raise StrictYamlError("not_one_document", 1, 1, problem, "Write one record; several are imported as a file.")
    try:
        return seal_record(records[0].text, installation_key)
    except StrictYamlError as error:
        line, column = records[0].place(error.line, error.column)
        raise StrictYamlError(error.code, line, column, error.problem, error.cure) from error


def without_secret(typed: str) -> str:
    """Cut a client secret in the clear out of a text that cannot be read."""
    return _PLAIN.sub(r"\1", "".join(_without_block(typed.splitlines(keepends=True))))


def with_line_ends_of(stored: str, text: str) -> str:
    """Give a text, whose lines a browser ended its own way, the line ends of the stored one."""
    return text.replace("\n", "\r\n") if "\r\n" in stored else text


def marked(text: str, details: Sequence[Detail]) -> list[Marked]:
    """Put each complaint beside its lines of `text`, numbered, with a mark below the column."""
    lines = _SEALED.sub(MASK, text).split("\n")
    return [Marked(one, _excerpt(lines, one)) for one in details]


def difference(theirs: str, mine: str) -> list[str]:
    """Return the lines that lead from the stored text to the typed one; secrets hidden."""
    before, after = (_SEALED.sub(MASK, text).splitlines() for text in (theirs, mine))
    return list(unified_diff(before, after, n=2, lineterm=""))[2:]


def _without_block(lines: Sequence[str]) -> Iterator[str]:
    """Leave out what a client secret says in lines of its own: all that stand further in than its key."""
    depth: int | None = None
    for line in lines:
        inner = len(line) - len(line.lstrip(" \t"))
        if depth is not None and (not line.strip() or inner > depth):
            continue
        found = _BLOCK.match(line)
        depth = len(found["before"]) if found else None
        yield f"{found[0]}\n" if found else line


def _excerpt(lines: Sequence[str], detail: Detail) -> str:
    if detail.line is None:
        return ""
    last = min(detail.line, len(lines))
    first, width = max(1, last - _AROUND), len(str(last))
    shown = [f"{number:>{width}}  {lines[number - 1]}" for number in range(first, last + 1)]
    mark = [" " * (width + 1 + detail.column) + "^"] if detail.column is not None else []
    return "\n".join([*shown, *mark])
