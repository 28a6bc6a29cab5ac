"""A file of many records is cut by its lines, before anything is parsed: one bad record spoils no other.

A record is one item of the top-level sequence, or the whole file when that is a single mapping. Its text is its own
lines, moved left as a block, with the comments directly above it; nothing is reordered, requoted or lost.
"""

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from grantkeeper.strict_yaml.errors import StrictYamlError

FILE_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of an import file: some 30,000 token configs."""

_DASH: Final = re.compile(r"( *)-(?:[ \t]|\r?\n?$)")
_MARKER: Final = re.compile(r"(---|\.\.\.)(?:\s|$)")
_BLANK_OR_COMMENT: Final = re.compile(r"[ \t]*(?:#.*)?\r?\n?")


@dataclass(frozen=True, slots=True)
class RecordText:
    """One record as it stands in its file."""

    index: int
    text: str
    start_line: int
    """Line of the file, from 1, in which `text` starts."""
    indent: int
    """Blanks cut from the left of each line."""

    def place(self, line: int, column: int) -> tuple[int, int]:
        """Translate a place in `text` to the line and column of the file."""
        return self.start_line + line - 1, column + self.indent


@dataclass(slots=True)
class _Lines:
    """Lines of the file from `start` on that belong together."""

    start: int
    lines: list[str] = field(default_factory=list)


def split_records(text: str) -> list[RecordText]:
    """Cut a whole text; raises StrictYamlError where the file itself cannot be cut."""
    if len(text) > FILE_LIMIT:
        cure = "Split it into several files."
        raise StrictYamlError("size", 1, 1, f"the file is longer than {FILE_LIMIT} bytes", cure)
    return list(iter_records(io.StringIO(text, newline="")))


def iter_records(lines: Iterable[str]) -> Iterator[RecordText]:
    """Cut an open file as it is read; lines keep their ends."""
    numbered = enumerate(lines, 1)
    above = _Lines(1)
    for number, line in numbered:
        if _BLANK_OR_COMMENT.fullmatch(line) or line.startswith("%YAML"):
            above.lines.append(line if not line.startswith("%") else "\n")
        elif re.fullmatch(r"---[ \t]*(?:#.*)?\r?\n?", line):
            above = _Lines(number + 1)
        elif _MARKER.match(line):
            problem, cure = "the document starts on its marker's line", "Put a line break after `---`."
            raise StrictYamlError("not_one_document", number, 1, problem, cure)
        else:
            dash = _DASH.match(line)
            if dash is None:
                yield _single(above, line, numbered)
            else:
                yield from _sequence(above, number, line, len(dash[1]), numbered)
            return


def join_records(texts: Iterable[str]) -> str:
    """Write records as one sequence; cutting it again gives the same texts, without markers and dashes of their own.

    Raises StrictYamlError for a text that `split_records` refuses.
    """
    return "---\n" + "".join(_item(record.text) for text in texts for record in split_records(text))


def _single(above: _Lines, first: str, rest: Iterator[tuple[int, str]]) -> RecordText:
    record = _Lines(above.start, [*above.lines, first])
    _fill(record, rest)
    return _record(0, record, 0)


def _fill(record: _Lines, rest: Iterator[tuple[int, str]]) -> None:
    for number, line in rest:
        if _MARKER.match(line):
            _nothing_more(number, line, rest)
            return
        record.lines.append(line)


def _sequence(
    above: _Lines, number: int, first: str, dash: int, rest: Iterator[tuple[int, str]]
) -> Iterator[RecordText]:
    index = 0
    record = _start(above, number, first, dash)
    above = _Lines(number + 1)
    for line_number, line in rest:
        if _MARKER.match(line):
            _nothing_more(line_number, line, rest)
            break
        found = _DASH.match(line)
        if found is not None and len(found[1]) == dash:
            yield _record(index, record, dash + 1)
            index += 1
            record = _start(above, line_number, line, dash)
            above = _Lines(line_number + 1)
        elif _belongs_to_next(line, dash, above):
            above.lines.append(line)
        else:
            record.lines += [*above.lines, line]
            above = _Lines(line_number + 1)
    record.lines += above.lines
    yield _record(index, record, dash + 1)


def _belongs_to_next(line: str, dash: int, above: _Lines) -> bool:
    """Comments at the dash or left of it stand above the next record, with the blank lines between them."""
    if not _BLANK_OR_COMMENT.fullmatch(line):
        return False
    bare = line.strip()
    return bool(above.lines) if not bare else len(line) - len(line.lstrip(" ")) <= dash


def _start(above: _Lines, number: int, line: str, dash: int) -> _Lines:
    # Only the dash goes: what follows keeps its column, and the loader judges the indentation.
    lines = [*above.lines, line[:dash] + " " + line[dash + 1 :]]
    return _Lines(number - len(above.lines), lines)


def _nothing_more(number: int, marker: str, rest: Iterator[tuple[int, str]]) -> None:
    if marker.startswith("---"):
        raise StrictYamlError("not_one_document", number, 1, "a second document starts here", "Delete this line.")
    for later, line in rest:
        if not _BLANK_OR_COMMENT.fullmatch(line):
            problem = "something follows the end of the document"
            raise StrictYamlError("not_one_document", later, 1, problem, f"Delete line {number}.")


def _record(index: int, record: _Lines, least: int) -> RecordText:
    lines, start = list(record.lines), record.start
    while len(lines) > 1 and not lines[-1].strip():
        lines.pop()
    while len(lines) > 1 and not lines[0].strip():
        del lines[0]
        start += 1
    if not lines[-1].endswith(("\n", "\r")):
        lines[-1] += "\n"
    content = (line for line in lines if not _BLANK_OR_COMMENT.fullmatch(line))
    indent = min((len(line) - len(line.lstrip(" ")) for line in content), default=least)
    text = "".join(_moved(line, indent) for line in lines)
    return RecordText(index, text, start, indent)


def _moved(line: str, indent: int) -> str:
    blanks = len(line) - len(line.lstrip(" "))
    return line[min(blanks, indent) :]


def _item(text: str) -> str:
    written: list[str] = []
    dashed = False
    for line in io.StringIO(text, newline=""):
        if not dashed and _BLANK_OR_COMMENT.fullmatch(line):
            written.append(line.lstrip(" \t"))
        elif not dashed:
            written.append("- " + line)
            dashed = True
        else:
            written.append(line if not line.strip("\r\n") else "  " + line)
    return "".join(written)
