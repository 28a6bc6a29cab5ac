"""Files of secrets are made with mode 0600 from their first byte, and never replaced by accident."""

import os
from pathlib import Path
from typing import Final

_OWNER_ONLY: Final = 0o600


def write_new(path: Path, text: str) -> None:
    """Write a file that nobody else can read; raises FileExistsError rather than replace one."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def replace(path: Path, text: str) -> None:
    """Put a new text in the place of an old one: readers see one of the two, also after a power cut."""
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    write_new(beside, text)
    beside.replace(path)
