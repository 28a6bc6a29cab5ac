"""Strict YAML: text in, strings out, every place known.

No anchors, aliases, tags, merges, duplicate keys, control characters or second document; a plain value is never
guessed at (`no`, `0123` and `2026-11-24` stay strings), only nothing, `~` and `null` are None. Events of libyaml are
read as they come, so that a hostile text stops at its first forbidden construct.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeAlias

import yaml
from typing_extensions import override

from grantkeeper.strict_yaml.errors import StrictYamlError, YamlProblem

Node: TypeAlias = "str | dict[str, Node] | list[Node] | None"
Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one text may hold; a token config has some 2 KiB, 80 nodes and depth 7."""

    size: int = 65_536
    """Bytes in UTF-8: PyYAML needs about 0.2 s for a dense text of this size."""
    depth: int = 20
    nodes: int = 5_000


LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Span:
    """Where a node stands: line and column count from 1, start and end are offsets into the text."""

    line: int
    column: int
    start: int
    end: int
    style: str = ""
    """`'`, `"`, `|` or `>` for quoted and block scalars, `{` and `[` for flow collections, else empty."""


@dataclass(frozen=True, slots=True)
class StrictDocument:
    """What a text says (`data`), and where it says it (`spans` of values, `keys` of mapping keys)."""

    data: Node
    spans: Mapping[Path, Span]
    keys: Mapping[Path, Span]

    def at(self, path: Path) -> Span:
        """Return the place of a path, or of the nearest ancestor that exists."""
        while path and path not in self.spans:
            path = path[:-1]
        return self.spans[path]


# YAML 1.1's printable characters without those that break lines unseen (U+0085, U+2028, U+2029) and the BOM.
FORBIDDEN: Final = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_SHOWN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,60}")


def load(text: str, limits: Limits = LIMITS) -> StrictDocument:
    """Read one document; raises StrictYamlError. An empty text is a document whose data is None."""
    _check_text(text, limits)
    try:
        return _Composer(text, limits).document()
    except yaml.YAMLError as error:
        _refuse_syntax(error)


def decode(raw: bytes) -> str:
    """Decode a file's bytes: UTF-8, with or without a byte order mark; raises StrictYamlError."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        problem, cure = "this is not UTF-8", "Save the file in UTF-8 and try again."
        raise StrictYamlError("encoding", before.count(b"\n") + 1, column, problem, cure) from None


def shown(key: str) -> str:
    """Name a key in an error; a key that looks unlike one may be a misplaced value and is not repeated."""
    return f"`{key}`" if _SHOWN_KEY.fullmatch(key) else "this key"


def _check_text(text: str, limits: Limits) -> None:
    if len(text) > limits.size or len(text.encode("utf-8", "surrogatepass")) > limits.size:
        cure = "Shorten it; one token config rarely needs more than 4 KiB."
        raise StrictYamlError("size", 1, 1, f"the text is longer than {limits.size} bytes", cure)
    found = FORBIDDEN.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        column = found.start() - text.rfind("\n", 0, found.start())
        problem = f"character U+{ord(found[0]):04X} is not allowed"
        raise StrictYamlError("characters", line, column, problem, "Delete it; editors show it when asked to.")


_SYNTAX_CURES: Final = (
    ("cannot start any token", "Indent with blanks, not tabs, and quote values that start with % @ or `."),
    ("mapping values are not allowed", "Check the indentation, and quote a value that holds a colon and a blank."),
    ("could not find expected ':'", "Put a colon and a blank after the key."),
    ("quoted scalar", "Close the quotes, and double a quote inside single quotes."),
)
_SYNTAX_CURE: Final = "Check indentation, quotes and brackets of this line and the one above."


def _refuse_syntax(error: yaml.YAMLError) -> NoReturn:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or "this is not YAML"
    said = f"{getattr(error, 'context', None)} {problem}"
    cure = next((cure for words, cure in _SYNTAX_CURES if words in said), _SYNTAX_CURE)
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    raise StrictYamlError("syntax", line, column, problem, cure) from None


class _Composer:
    """Builds data from libyaml's events, one node at a time.

    An import reads thousands of records with a hundred events each, so an event is asked for little: places are kept
    as the events that have them, and what is refused is looked for in one condition.
    """

    def __init__(self, text: str, limits: Limits) -> None:
        events: Any = yaml.CSafeLoader(text)  # whether an event has what is asked of it follows from its place
        self._next: Callable[[], Any] = events.get_event
        self._limits = limits
        self._nodes = 0
        self._spans: dict[Path, yaml.Event] = {(): self._next()}  # the start of the text, until something stands there
        self._keys: dict[Path, yaml.Event] = {}

    def document(self) -> StrictDocument:
        data: Node = None
        seen = False
        while (event := self._next()) is not None:
            if type(event) is not yaml.DocumentStartEvent:
                continue
            if seen:
                self._refuse("not_one_document", event, "a second document starts here", "Keep one document.")
            if event.tags:
                self._refuse("tag", event, "tag handles are not allowed", "Delete the %TAG line.")
            seen = True
            data = self._node(self._next(), ())
        return StrictDocument(data, _Places(self._spans), _Places(self._keys))

    def _node(self, event: Any, path: Path) -> Node:
        self._check(event, path)
        self._spans[path] = event
        kind = type(event)
        if kind is yaml.ScalarEvent:
            return None if event.implicit[0] and event.value in _NULLS else self._text(event)
        return self._mapping(path) if kind is yaml.MappingStartEvent else self._sequence(path)

    def _mapping(self, path: Path) -> dict[str, Node]:
        mapping: dict[str, Node] = {}
        while type(event := self._next()) is not yaml.MappingEndEvent:
            key = self._key(event, path)
            place = (*path, key)
            if key in mapping:
                # A distance: a record of a file does not know in which line of the file it starts.
                above = _span(event).line - _span(self._keys[place]).line
                problem = f"{shown(key)} stands twice in one mapping, first {above} lines above"
                self._refuse("duplicate_key", event, problem, "Delete one of the two.")
            self._keys[place] = event
            mapping[key] = self._node(self._next(), place)
        return mapping

    def _sequence(self, path: Path) -> list[Node]:
        items: list[Node] = []
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            items.append(self._node(event, (*path, len(items))))
        return items

    def _key(self, event: Any, path: Path) -> str:
        self._check(event, path)
        if type(event) is not yaml.ScalarEvent or not event.value:
            self._refuse("key", event, "a key must be one word", "Write `Key: value`.")
        key: str = event.value
        if key == "<<":
            self._refuse("merge", event, "merging with `<<` is not allowed", "Write the keys out.")
        if "\n" in key or "\t" in key:
            self._refuse("key", event, "a key holds a line break or tab", "Write the key on one line.")
        return self._text(event)

    def _check(self, event: Any, path: Path) -> None:
        self._nodes += 1
        limits = self._limits
        if event.anchor is None and event.tag is None and self._nodes <= limits.nodes and len(path) < limits.depth:
            return
        if self._nodes > limits.nodes:
            self._refuse("nodes", event, f"more than {limits.nodes} keys and values", "Split the text.")
        if len(path) >= limits.depth:
            self._refuse("depth", event, f"nested deeper than {limits.depth} levels", "Flatten the text.")
        if event.anchor is not None:
            self._refuse("anchor", event, "anchors and aliases are not allowed", "Write the value out.")
        self._refuse("tag", event, "tags are not allowed", "Delete the word that starts with `!`.")

    def _text(self, event: Any) -> str:
        # An escape such as "\0" brings in what the text itself may not hold.
        if event.style == '"' and FORBIDDEN.search(event.value):
            problem = "an escape sequence stands for a control character"
            self._refuse("characters", event, problem, "Delete the escape sequence.")
        value: str = event.value
        return value

    def _refuse(self, code: YamlProblem, event: yaml.Event, problem: str, cure: str) -> NoReturn:
        place = _span(event)
        raise StrictYamlError(code, place.line, place.column, problem, cure)


class _Places(Mapping[Path, Span]):
    """Where nodes stand; a place is worked out when somebody asks for it, which most texts never see."""

    def __init__(self, events: Mapping[Path, yaml.Event]) -> None:
        self._events = events

    @override
    def __getitem__(self, path: Path) -> Span:
        return _span(self._events[path])

    @override
    def __contains__(self, path: object) -> bool:
        return path in self._events

    @override
    def __iter__(self) -> Iterator[Path]:
        return iter(self._events)

    @override
    def __len__(self) -> int:
        return len(self._events)


def _span(event: yaml.Event) -> Span:
    start, end = event.start_mark, event.end_mark
    if start is None or end is None:  # libyaml marks every event; only the type says otherwise
        return Span(1, 1, 0, 0)
    return Span(start.line + 1, start.column + 1, start.index, end.index, _style(event))


def _style(event: yaml.Event) -> str:
    if isinstance(event, yaml.ScalarEvent):
        return event.style or ""
    if not getattr(event, "flow_style", False):
        return ""
    return "{" if isinstance(event, yaml.MappingStartEvent) else "["
