"""JSON Schemas as their readers need them: strict for what principals send, open for what services say; pure.

Models are one for both directions. A part that stands in a command and in an event (`Options`, say) therefore has two
schemas: the strict one under its name, the open one under its name and `Read`.
"""

from collections.abc import Mapping
from typing import Any, Final

Json = dict[str, Any]

_READ: Final = "Read"


def opened(schema: Any) -> Any:
    """Return a schema that takes fields which it does not name, at any depth."""
    if isinstance(schema, list):
        return [opened(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: opened(value) for key, value in schema.items() if (key, value) != ("additionalProperties", False)}


def merged(sent: Mapping[str, Json], said: Mapping[str, Json], reference: str) -> Json:
    """Return the definitions of what principals send with those of what services say, opened.

    `reference` makes a `$ref` of a name by `format(model=name)`.
    """
    open_ones = {name: opened(schema) for name, schema in said.items()}
    names = {name: f"{name}{_READ}" for name, schema in open_ones.items() if sent.get(name, schema) != schema}
    while (more := _affected(open_ones, sent, names, reference)) != names:
        names = more
    moved = {reference.format(model=name): reference.format(model=new) for name, new in names.items()}
    return {**sent, **{names.get(name, name): _renamed(schema, moved) for name, schema in open_ones.items()}}


def _affected(
    open_ones: Mapping[str, Json], sent: Mapping[str, Json], names: Mapping[str, str], reference: str
) -> dict[str, str]:
    """Add the shared parts that refer to a part which has two schemas: they have two as well."""
    moved = {reference.format(model=name): "" for name in names}
    more = {
        name: f"{name}{_READ}"
        for name, schema in open_ones.items()
        if name in sent and _renamed(schema, moved) != schema
    }
    return {**names, **more}


def _renamed(schema: Any, moved: Mapping[str, str]) -> Any:
    if isinstance(schema, list):
        return [_renamed(one, moved) for one in schema]
    if not isinstance(schema, dict):
        return moved.get(schema, schema) if isinstance(schema, str) else schema
    return {key: _renamed(value, moved) for key, value in schema.items()}
