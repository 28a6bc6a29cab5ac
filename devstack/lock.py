"""Resolve pyproject.toml into requirements*.txt: hashes of all platforms, names of no host or folder."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = str(Path(sys.executable).with_name("uv"))
OPTIONS = (
    "--universal",
    "--generate-hashes",
    "--python-version=3.11",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-annotate",
    "--no-header",
    "--no-emit-package=grantkeeper-client",  # it is in this repository
    "--quiet",
)


def compile_lock(target: str, *options: str) -> None:
    command = [UV, "pip", "compile", *OPTIONS, *options, "pyproject.toml", "-o", target]
    subprocess.run(command, cwd=ROOT, env=os.environ, check=True)


def main(upgrade: list[str]) -> None:
    compile_lock("requirements.txt", *upgrade)
    compile_lock("requirements-devstack.txt", "--extra=devstack", "--constraint=requirements.txt", *upgrade)
    compile_lock("requirements-dev.txt", "--extra=dev", "--constraint=requirements-devstack.txt", *upgrade)


if __name__ == "__main__":
    main(sys.argv[1:])
