"""The mounted list of principals that must exist before anyone can send a command: read once, at start.

A list of the fields of `principal.add`, in YAML (JSON is YAML). An error names entry, field and cure.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from grantkeeper.process.settings import SettingsError
from schemas.config_commands import PrincipalAdd

SETTING = "GRANTKEEPER_PRINCIPALS_FILE"


def read_principals(path: Path) -> tuple[PrincipalAdd, ...]:
    """Read the list; raises SettingsError with one line that says what is wrong and where."""
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{SETTING}: {path}: {error.strerror}: mount the file") from None
    except (UnicodeDecodeError, yaml.YAMLError):
        raise SettingsError(f"{SETTING}: {path} is not YAML in UTF-8: correct it") from None
    if not isinstance(entries, list):
        raise SettingsError(f"{SETTING}: {path} must be a list: start each principal with a hyphen")
    principals = tuple(_entry(path, number, entry) for number, entry in enumerate(entries, start=1))
    _refuse_twice(path, [one.principal for one in principals])
    return principals


def _entry(path: Path, number: int, entry: Any) -> PrincipalAdd:
    try:
        return PrincipalAdd.model_validate(entry)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in problem["loc"]) or "(all)"
        raise SettingsError(f"{SETTING}: {path}: principal {number}: {field}: {problem['msg']}") from None


def _refuse_twice(path: Path, ids: Sequence[str]) -> None:
    for principal in ids:
        if ids.count(principal) > 1:
            raise SettingsError(f"{SETTING}: {path}: principal {principal} stands there twice: remove one")
