"""The difference between two texts as history shows it: unified diff lines in which no secret stands, sealed or not."""

import difflib
import re
from typing import Final

CONTEXT_LINES: Final = 2
MAX_LINES: Final = 400
LONGEST_LINE: Final = 300
"""A history entry is read by a person; a longer difference is cut and says so."""

_SEALED: Final = re.compile(r"sealed:[A-Za-z0-9_.\-]+")
MASK: Final = "sealed:(hidden)"


def difference(before: str, after: str) -> tuple[str, ...]:
    """Return the lines `-`, `+`, blank and `@@` that lead from one text to the other; empty for equal texts.

    A sealed secret is masked before lines are compared: that it changed is told by `changed`, not here.
    """
    lines = difflib.unified_diff(_lines(before), _lines(after), n=CONTEXT_LINES, lineterm="")
    shown = tuple(_cut(line) for line in tuple(lines)[2:])  # without the two lines that name files
    return shown if len(shown) <= MAX_LINES else (*shown[:MAX_LINES], f"... {len(shown) - MAX_LINES} more lines")


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + "..."


def _lines(text: str) -> list[str]:
    return [_SEALED.sub(MASK, line) for line in text.splitlines()]
