"""A service with wrong settings says which one in one line and ends with the code that no supervisor starts again."""

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

KAFKA = {"GRANTKEEPER_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9"}
BACKEND = {**KAFKA, "GRANTKEEPER_MONGO__URI": "mongodb://127.0.0.1:9/", "GRANTKEEPER_RINGS__AUTH_FILE": "/nowhere"}
URL = {"GRANTKEEPER_PUBLIC_URL": "https://grantkeeper.example.test"}
REFRESHER = {**BACKEND, **URL, "GRANTKEEPER_RINGS__VAULT_FILE": "/nowhere"}
CONSOLE = {
    **KAFKA,
    **URL,
    "GRANTKEEPER_CREDENTIAL_FILE": "/nowhere",
    "GRANTKEEPER_USERS_FILE": "/nowhere",
    "GRANTKEEPER_SESSION_KEY": "x" * 48,
}
WRONG = [
    ("config_service", {**BACKEND, "GRANTKEEPER_MONGO__DATABSE": "x"}, "GRANTKEEPER_MONGO__DATABSE"),
    ("config_service", BACKEND, "GRANTKEEPER_RINGS__AUTH_FILE"),
    ("refresher", {**REFRESHER, "GRANTKEEPER_PUBLIC_URL": "not an address"}, "GRANTKEEPER_PUBLIC_URL"),
    ("refresher", {**REFRESHER, "GRANTKEEPER_OAUTH2__ALLOW_HOSTS": "no list"}, "GRANTKEEPER_OAUTH2__ALLOW_HOSTS"),
    ("refresher", REFRESHER, "GRANTKEEPER_RINGS__AUTH_FILE"),
    ("notifier", BACKEND, "GRANTKEEPER_PUBLIC_URL"),
    ("console", {**CONSOLE, "GRANTKEEPER_SESSION_KEY": "short"}, "session_key"),
    ("console", {**CONSOLE, "GRANTKEEPER_PUBLIC_URL": "http://grantkeeper.example.test"}, "public_url"),
    ("console", CONSOLE, "GRANTKEEPER_CREDENTIAL_FILE"),
]


@pytest.mark.parametrize(("service", "environment", "named"), WRONG)
def test_a_wrong_setting_is_named_in_one_line(service: str, environment: Mapping[str, str], named: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"services.{service}"],
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 78, done.stderr
    (line,) = [one for one in done.stderr.splitlines() if one.startswith("settings: ")]
    assert named in line
    assert "Traceback" not in done.stderr
    assert "short" not in line.split() or named != "session_key", "the value itself is never shown"
