"""Make .venv hold what a lock says: run by the machine's own Python, with nothing but the standard library.

Usage: python3 devstack/bootstrap.py run|dev
"""

import hashlib
import json
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed.json"
LOCKS = {"run": "requirements-devstack.txt", "dev": "requirements-dev.txt"}
INPUTS = ("pyproject.toml", "clients/python/pyproject.toml", "requirements-build.txt")
DOWNLOAD = re.compile(r"Downloading .* \(([0-9.]+)([KMG])iB\)")
UNITS = {"K": 1 / 1024, "M": 1.0, "G": 1024.0}  # to MiB


def main(profile: str) -> None:
    installed = read_stamp()
    wanted = "dev" if installed.get("profile") == "dev" else profile
    digest = digest_of(wanted)
    if installed.get("digest") == digest:
        return
    started = time.monotonic()
    create_venv()
    megabytes = install(ROOT / LOCKS[wanted])
    STAMP.write_text(json.dumps({"profile": wanted, "digest": digest}))
    sys.stdout.write(f"packages: {megabytes:.0f} MB downloaded, installed in {time.monotonic() - started:.1f} s\n")


def read_stamp() -> dict[str, str]:
    if not STAMP.exists():
        return {}
    stamp: dict[str, str] = json.loads(STAMP.read_text())
    return stamp


def digest_of(profile: str) -> str:
    """The state of everything an installation is made from."""
    content = b"".join((ROOT / name).read_bytes() for name in (LOCKS[profile], *INPUTS))
    return hashlib.sha256(content).hexdigest()


def create_venv() -> None:
    if not (VENV / "bin" / "pip").exists():
        made = subprocess.run([sys.executable, "-m", "venv", VENV], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            fail("python cannot make a virtual environment (Debian: apt-get install python3-venv)", made.stdout)
    pip("install", "--quiet", "--require-hashes", "-r", str(ROOT / "requirements-build.txt"))


def install(lock: Path) -> float:
    """Bring .venv to the lock, then put the checkout itself on its path; return the MiB fetched."""
    uv = str(VENV / "bin" / "uv")
    ours = ["--no-deps", "--no-build-isolation", "-e", str(ROOT), "-e", str(ROOT / "clients" / "python")]
    python = ["--python", str(VENV / "bin" / "python")]
    synced = subprocess.run(
        [uv, "pip", "sync", *python, "--require-hashes", str(lock)], capture_output=True, text=True, check=False
    )
    if synced.returncode == 0:
        run("this checkout cannot be installed", uv, "pip", "install", "--quiet", *python, *ours)
        return fetched(synced.stderr)
    sys.stdout.write("uv could not install the lock, trying pip (slower)\n")
    pip("install", "--quiet", "--require-hashes", "-r", str(lock))
    pip("install", "--quiet", *ours)
    return 0.0


def fetched(report: str) -> float:
    """The sum of what uv says it downloads, in MiB; it names only files from 1 MiB on."""
    return sum(float(size) * UNITS[unit] for size, unit in DOWNLOAD.findall(report))


def pip(*arguments: str) -> None:
    python = str(VENV / "bin" / "python")
    run(
        "packages cannot be installed: is there a network?",
        *(python, "-m", "pip", "--disable-pip-version-check"),
        *arguments,
    )


def run(problem: str, *command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        fail(problem, done.stderr)


def fail(message: str, detail: str = "") -> None:
    lines = [line for line in detail.splitlines() if line.strip()]
    sys.exit("\n".join([*lines[-3:], f"install: {message}"]))


if __name__ == "__main__":
    main(sys.argv[1])
