"""Where downloads are kept between checkouts, and how two starts at once share them."""

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


def cache_folder(environment: Mapping[str, str]) -> Path:
    """The user's cache folder of this product (XDG Base Directory Specification)."""
    base = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "grantkeeper"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder against other processes; the lock ends with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
