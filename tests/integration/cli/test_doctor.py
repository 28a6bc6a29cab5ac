"""`grantkeeper doctor` against services that run, one that was stopped, and an engine that was switched off."""

import json
from typing import Any

from tests.integration.cli.installation import Installation


def checks(installation: Installation, *, principal: str = "admin") -> tuple[int, dict[str, Any]]:
    ran = installation.run("doctor", "-o", "json", principal=principal)
    return ran.code, {one["code"]: one for one in json.loads(ran.out)}


def test_what_runs_is_well_and_what_is_switched_off_is_told_with_its_cure(installation: Installation) -> None:
    code, found = checks(installation, principal="viewer")
    assert {"config_service", "refresher", "notifier", "dead_letters"} <= found.keys()
    assert {found[service]["level"] for service in ("config_service", "refresher")} == {"note"}

    assert installation.run("engine", "stop").code == 0
    code, found = checks(installation)
    assert (code, found["engine"]["level"]) == (69, "error")
    assert "engine resume" in found["engine"]["cure"]
    assert "engine resume" in installation.run("doctor", "--quiet").out
    assert installation.run("engine", "resume").code == 0
    _, found = checks(installation)
    assert "engine" not in found
