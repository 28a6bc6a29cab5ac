"""compose.yaml as a test reads it: variables filled in, anchors merged."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
OURS = ("config_service", "refresher", "notifier", "console")
FILLED = {
    "GRANTKEEPER_PUBLIC_URL": "https://grantkeeper.example.org",
    "GRANTKEEPER_UID": "1000",
    "GRANTKEEPER_GID": "1000",
    "GRANTKEEPER_KAFKA_CLUSTER_ID": "5L6g3nShT-eMCtK--X86sw",
}
VARIABLE = re.compile(r"\$\{(\w+)(?::[-?][^}]*)?\}")


def composition() -> dict[str, Any]:
    text = VARIABLE.sub(lambda found: FILLED[found[1]], (ROOT / "compose.yaml").read_text())
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def environment_of(service: str, replace: Mapping[str, str]) -> dict[str, str]:
    """The environment of a service, with parts of its values replaced: what is elsewhere outside a container."""
    environment: dict[str, str] = composition()["services"][service]["environment"]
    return {name: _replaced(value, replace) for name, value in environment.items()}


def _replaced(value: str, replace: Mapping[str, str]) -> str:
    for old, new in replace.items():
        value = value.replace(old, new)
    return value
