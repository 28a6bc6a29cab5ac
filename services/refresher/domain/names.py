"""How a reference finds its config: by id, by name, by a former name."""

import re
from collections.abc import Iterable
from typing import Final

from grantkeeper.names import name_key

_CONFIG_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def is_config_id(reference: str) -> bool:
    """Tell whether a reference is an id; a name can never look like one that exists."""
    return _CONFIG_ID.fullmatch(reference) is not None


def name_keys(name: str, former_names: Iterable[str]) -> list[str]:
    """Return every key under which a config is found, the current name first."""
    return list(dict.fromkeys(map(name_key, (name, *former_names))))


def is_renamed(reference: str, name: str) -> bool:
    """Tell whether a config was asked for by a former name."""
    return not is_config_id(reference) and name_key(reference) != name_key(name)
