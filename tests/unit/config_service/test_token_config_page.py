"""The page on the format names everything that the format has."""

import re
from pathlib import Path
from typing import Final

import pytest

from schemas.token_config import Options
from services.config_service.znuny import OPTION_KEYS

ROOT: Final = Path(__file__).parents[3]
PAGE: Final = (ROOT / "docs" / "token-configs.md").read_text("utf-8")
SOURCES: Final = ("document", "znuny", "notes", "rules", "provider_rules")


@pytest.mark.parametrize("field", sorted(OPTION_KEYS))
def test_every_option_stands_on_the_page_with_its_default(field: str) -> None:
    row = re.search(rf"^\| `{OPTION_KEYS[field]}` \|\s*([^|]*?)\s*\|", PAGE, re.MULTILINE)
    assert row is not None
    default = Options.model_fields[field].default
    if isinstance(default, bool):
        assert row[1] == str(int(default))
    elif isinstance(default, str | int):
        assert row[1] == str(default)


def test_every_finding_stands_on_the_page_and_none_that_is_not_made() -> None:
    made: set[str] = set()
    for name in SOURCES:
        text = (ROOT / "services" / "config_service" / f"{name}.py").read_text("utf-8")
        made |= set(re.findall(r'(?:\.error|\.warning|\.note|_add)\(\s*(?:"(?:error|note)", )?"([a-z0-9_]+)"', text))
    section = PAGE.split("## Findings")[1].split("## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    told = {code for row in rows for code in re.findall(r"`([a-z0-9_]+)`", row[1])}
    assert told == made - {"error", "warning", "note"}
