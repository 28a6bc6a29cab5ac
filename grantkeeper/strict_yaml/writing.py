"""Writing YAML that reads back the same: block style, the given order, no anchors, odd-looking strings quoted.

Our own reader takes every scalar for a string; quotes stand where another program would guess a boolean, a float or
a date. Plain small numbers stay bare (`ValidID: 1`), as Znuny writes them.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

from grantkeeper.strict_yaml.reading import Node

_INT: Final = "tag:yaml.org,2002:int"
_ANY_LINE_LENGTH: Final = 1 << 16
"""A folded line would break up scopes and sealed secrets."""


class _Writer(yaml.CSafeDumper):
    """PyYAML's writer with our idea of which plain strings could be mistaken."""


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    known: Mapping[Any, list[tuple[str, re.Pattern[str]]]] = yaml.CSafeDumper.yaml_implicit_resolvers
    for first, entries in known.items():
        resolvers[first] = [(tag, _odd(pattern) if tag == _INT else pattern) for tag, pattern in entries]
    return resolvers


def _odd(pattern: re.Pattern[str]) -> re.Pattern[str]:
    return re.compile(rf"(?!(?:0|[1-9][0-9]{{0,8}})$)(?:{pattern.pattern})", pattern.flags)


def _represent_nothing(writer: yaml.CSafeDumper, _: None) -> yaml.ScalarNode:
    return writer.represent_scalar("tag:yaml.org,2002:null", "")


_Writer.yaml_implicit_resolvers = _resolvers()
_Writer.add_representer(type(None), _represent_nothing)


def dump(mapping: Mapping[str, Node]) -> str:
    """Write a mapping of strings, mappings and sequences; None becomes an empty value."""
    return str(
        yaml.dump(
            _fresh(dict(mapping)),
            Dumper=_Writer,
            default_flow_style=False,
            allow_unicode=True,
            sort_keys=False,
            width=_ANY_LINE_LENGTH,
        )
    )


def scalar(value: str) -> str:
    """Write one string on one line, so that it reads back the same in block and in flow style."""
    if "\n" in value:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
        return f'"{escaped}"'
    written = yaml.dump([value], Dumper=_Writer, default_flow_style=True, allow_unicode=True, width=_ANY_LINE_LENGTH)
    return str(written)[1:].removesuffix("]\n")


def _fresh(node: Node) -> Node:
    # The same object twice would be written as an anchor and an alias.
    if isinstance(node, dict):
        return {key: _fresh(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_fresh(item) for item in node]
    return node
