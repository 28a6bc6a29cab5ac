"""What wiring must not do, and what the settings say."""

import subprocess
import sys

from services.refresher.settings import RefresherSettings


def test_importing_the_service_reads_no_environment_and_opens_nothing() -> None:
    code = "import services.refresher.app, services.refresher.__main__; print('imported')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={})
    assert done.stdout == "imported\n"
    assert done.stderr == ""


def test_every_setting_is_described() -> None:
    for name, field in RefresherSettings.model_fields.items():
        nested = getattr(field.annotation, "model_fields", {})
        for inner, setting in nested.items():
            assert setting.description, f"{name}.{inner}"
