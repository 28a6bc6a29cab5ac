"""Resolve pyproject.toml into requirements*.txt: hashes of all platforms, names of no host or folder."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

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


def compile_lock(target: str, *options: str, source: str = "pyproject.toml") -> None:
    command = [UV, "pip", "compile", *OPTIONS, *options, source, "-o", target]
    subprocess.run(command, cwd=ROOT, env=os.environ, check=True)


def compile_build_lock(upgrade: list[str]) -> None:
    """What installs the rest: the extra `build` alone, without the project's own dependencies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    with TemporaryDirectory() as folder:
        source = Path(folder) / "build.in"
        source.write_text("\n".join(project["optional-dependencies"]["build"]))
        compile_lock("requirements-build.txt", *upgrade, source=str(source))


def main(upgrade: list[str]) -> None:
    compile_lock("requirements.txt", *upgrade)
    compile_lock("requirements-devstack.txt", "--extra=devstack", "--constraint=requirements.txt", *upgrade)
    compile_lock("requirements-dev.txt", "--extra=dev", "--constraint=requirements-devstack.txt", *upgrade)
    compile_build_lock([*upgrade, "--constraint=requirements-devstack.txt"])


if __name__ == "__main__":
    main(sys.argv[1:])
