"""Writes the operators' table of settings from the models: `python -m grantkeeper.process.settings_table MODULE...`.

A module is a service's `settings`; its one model derived from ProcessSettings is described.
"""

import importlib
import inspect
import sys
from collections.abc import Iterable, Sequence

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from grantkeeper.process.settings import ProcessSettings, is_secret, variables_of

HEAD = """# Settings

Written by `make settings-docs` from the services' settings models; do not edit. A setting is an environment variable.
Of a secret `X` the text may stand in a file instead: `X_FILE` is its path. A process whose settings are wrong ends at
once with exit code 78 and one line for each thing to cure.
"""


def main(modules: Sequence[str]) -> None:
    """Print the whole page: settings that the same services read stand together."""
    fields: dict[str, FieldInfo] = {}
    readers: dict[str, list[str]] = {}
    for module in modules:
        for name, field in variables_of(settings_model(module)):
            fields.setdefault(name, field)
            readers.setdefault(name, []).append(module.split(".")[-2])
    groups = dict.fromkeys(tuple(services) for services in readers.values())
    sections = [
        _section(group, ((name, fields[name]) for name in fields if tuple(readers[name]) == group)) for group in groups
    ]
    sys.stdout.write("\n".join([HEAD, *sections]))


def settings_model(module: str) -> type[ProcessSettings]:
    """Return the one settings model that a module defines."""
    found = [
        value
        for _, value in inspect.getmembers(importlib.import_module(module), inspect.isclass)
        if issubclass(value, ProcessSettings) and value.__module__ == module
    ]
    if len(found) != 1:
        raise ValueError(f"{module} defines {len(found)} settings models, not one")
    return found[0]


def _section(services: Sequence[str], rows: Iterable[tuple[str, FieldInfo]]) -> str:
    lines = [_line(name, field) for name, field in rows]
    title = ", ".join(services)
    return "\n".join([f"## {title}", "", "| variable | default | meaning |", "|---|---|---|", *lines, ""])


def _line(name: str, field: FieldInfo) -> str:
    meaning = (field.description or "").replace("|", "\\|")
    secret = " Secret." if is_secret(field) else ""
    return f"| `{name}` | {_default(field)} | {meaning}{secret} |"


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is PydanticUndefined:
        return "**needed**"
    if default is None or isinstance(default, BaseModel) or default == "":
        return ""
    return f"`{default}`"


if __name__ == "__main__":
    main(sys.argv[1:])
