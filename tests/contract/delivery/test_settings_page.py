"""docs/settings.md says what the settings models say."""

import pytest

from grantkeeper.process.settings_table import main
from tests.contract.delivery.composition import OURS, ROOT


def test_the_page_is_what_the_models_say(capsys: pytest.CaptureFixture[str]) -> None:
    main([f"services.{service}.settings" for service in OURS])
    assert capsys.readouterr().out == (ROOT / "docs" / "settings.md").read_text(), "run `make settings-docs`"


def test_every_setting_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    main([f"services.{service}.settings" for service in OURS])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| `GRANTKEEPER_")]
    assert len(rows) > 30
    assert [row for row in rows if row.endswith("|  |")] == []
