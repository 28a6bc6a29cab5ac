"""Which processes the stack started, written to disk, so that the next start ends what a killed one left.

A process is known by pid, start time and the end of its command line together: a pid alone may belong to somebody else
by now, and what runs before the command (an interpreter, setpriv) is not ours to know.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from devstack.child import Child, end_group

SAME_TIME = 0.05  # seconds; the kernel counts start times in hundredths


@dataclass(frozen=True, slots=True)
class Remembered:
    """What makes one process that one."""

    name: str
    pid: int
    created: float
    command: list[str]

    def is_alive(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            same_time = abs(process.create_time() - self.created) < SAME_TIME
            same_command = process.cmdline()[-len(self.command) :] == self.command
            return same_time and same_command and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


def remember(file: Path, children: Iterable[Child]) -> None:
    """Write the running children to `file`, whole or not at all."""
    records = [asdict(record) for child in children if (record := identify(child))]
    part = file.with_suffix(".part")
    part.write_text(json.dumps(records, indent=1))
    part.replace(file)


def identify(child: Child) -> Remembered | None:
    if child.pid is None:
        return None
    try:
        process = psutil.Process(child.pid)
        return Remembered(child.name, child.pid, process.create_time(), child.command)
    except psutil.Error:
        return None


def end_leftovers(file: Path) -> list[str]:
    """End the remembered processes that still live; return their names. Others' processes are never touched."""
    if not file.exists():
        return []
    left = [record for record in map(_read, json.loads(file.read_text())) if record.is_alive()]
    for record in left:
        end_group(record.pid)  # a child is the leader of its own group
    file.unlink()
    return [record.name for record in left]


def _read(record: dict[str, object]) -> Remembered:
    return Remembered(**record)  # type: ignore[arg-type]  # written by `remember`
