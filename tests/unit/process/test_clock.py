"""The clock of the machine, in a time namespace of Linux where there is one: no machine is put to sleep for it."""

import shutil
import subprocess
import sys

import pytest

AFTER_A_SLEEP = ["unshare", "--map-root-user", "--time", "--boottime", "5000", "--fork"]
"""As after 5000 s of sleep: `--boottime` is what the clock that stops in suspend has missed."""
CODE = "import time; from grantkeeper.process.clock import SYSTEM_CLOCK as c; print(c.monotonic() - time.monotonic())"


def _can_unshare() -> bool:
    return shutil.which("unshare") is not None and not subprocess.run([*AFTER_A_SLEEP, "true"], check=False).returncode


@pytest.mark.skipif(not _can_unshare(), reason="this machine lets nobody make a time namespace")
def test_the_time_that_a_machine_was_asleep_counts() -> None:
    done = subprocess.run([*AFTER_A_SLEEP, sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(5000, abs=60)
