"""Changing one scalar in a text and nothing else: comments, order, quotes and blank lines stay as they are.

Every edit is read back; what would not say exactly the old text with the one change is refused.
"""

import re
from copy import deepcopy
from typing import Final, NoReturn

from grantkeeper.strict_yaml.errors import StrictYamlError
from grantkeeper.strict_yaml.reading import LIMITS, Limits, Node, Path, Span, StrictDocument, load
from grantkeeper.strict_yaml.writing import scalar

_BARE: Final = re.compile(r"sealed:[A-Za-z0-9_.-]+")
"""Readable without quotes wherever it stands; an editor shows it as what it is."""


def replace_scalar(text: str, path: Path, value: str | None, limits: Limits = LIMITS) -> str:
    """Put `value` in the place of the scalar at `path`; raises StrictYamlError, also where there is none."""
    document = load(text, limits)
    if path not in document.spans or isinstance(_get(document.data, path), dict | list):
        _refuse(document, path, "there is no single value here")
    return _checked(document, path, value, _replaced(text, document.spans[path], value), limits)


def set_scalar(text: str, path: Path, value: str | None, limits: Limits = LIMITS) -> str:
    """Replace the scalar at `path`, or add its key as the first of its mapping; raises StrictYamlError."""
    document = load(text, limits)
    if path in document.spans:
        return replace_scalar(text, path, value, limits)
    parent = _get(document.data, path[:-1]) if path[:-1] in document.spans else None
    if not isinstance(parent, dict) or not parent or document.spans[path[:-1]].style == "{":
        _refuse(document, path, "there is no mapping to add the key to")
    first = document.keys[(*path[:-1], next(iter(parent)))]
    start = first.start - (first.column - 1)
    line = " " * (first.column - 1) + f"{_written(str(path[-1]))}: {_written(value)}".rstrip() + _line_break(text)
    return _checked(document, path, value, text[:start] + line + text[start:], limits)


def _replaced(text: str, span: Span, value: str | None) -> str:
    old = text[span.start : span.end]
    # A block scalar's span reaches to the next token: its last line break belongs to the text around it.
    after = old[len(old.rstrip()) :] if span.style in {"|", ">"} else ""
    blank = " " if span.start == span.end and text[span.start - 1 : span.start] == ":" else ""
    return text[: span.start] + blank + _written(value) + after + text[span.end :]


def _written(value: str | None) -> str:
    if value is None:
        return ""
    return value if _BARE.fullmatch(value) else scalar(value)


def _line_break(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _checked(before: StrictDocument, path: Path, value: str | None, text: str, limits: Limits) -> str:
    wanted = deepcopy(before.data)
    parent = _get(wanted, path[:-1])
    if isinstance(parent, dict):
        parent[str(path[-1])] = value
    elif isinstance(parent, list) and isinstance(path[-1], int):
        parent[path[-1]] = value
    if load(text, limits).data != wanted:
        _refuse(before, path, "this value cannot be replaced in place")
    return text


def _get(node: Node, path: Path) -> Node:
    for step in path:
        if isinstance(node, dict):
            node = node[str(step)]
        elif isinstance(node, list) and isinstance(step, int):
            node = node[step]
    return node


def _refuse(document: StrictDocument, path: Path, problem: str) -> NoReturn:
    place = document.at(path)
    cure = f"Write `{path[-1]}: value` on a line of its own." if path else "Write a mapping."
    raise StrictYamlError("path_missing", place.line, place.column, problem, cure)
