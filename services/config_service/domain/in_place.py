"""A form edit of single values puts them into the text where they stand: comments, order and quotes stay.

What cannot be done so - a block of a request, an option, a text that has no place for the key - is written anew.
"""

from typing import Final

from grantkeeper.strict_yaml import Node, Path, StrictYamlError, load, set_scalar
from schemas.token_config import TokenConfig
from services.config_service import document
from services.config_service.domain.meaning import changed_paths
from services.config_service.znuny import record_of, yaml_path

SINGLE: Final = frozenset(
    {
        "name",
        "validity",
        "client_id",
        "client_secret",
        "scope",
        "notify_expired_token",
        "notify_expired_refresh_token",
    }
)
"""Fields that are one value in the YAML."""


def edited_in_place(text: str, before: TokenConfig, after: TokenConfig) -> str | None:
    """Return the text with the changed values; None where it must be written anew."""
    changed = changed_paths(before, after)
    if not SINGLE.issuperset(changed):
        return None
    record = record_of(after)
    try:
        start: Path = (0,) if isinstance(load(text).data, list) else ()
        for field in changed:
            path = yaml_path((field,))
            text = set_scalar(text, start + path, _value(record, path))
    except StrictYamlError:
        return None
    return text if document.read(text).config == after else None


def _value(record: Node, path: Path) -> str | None:
    for step in path:
        record = record[str(step)] if isinstance(record, dict) else None
    return record if isinstance(record, str) else None
