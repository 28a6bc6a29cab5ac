"""Files that a command reads and writes; none is replaced unasked."""

from pathlib import Path

from grantkeeper.cli.errors import InputFileError, OutputFileError
from grantkeeper.crypto import private_file


def read_bytes(path: Path) -> bytes:
    """Read a whole file; raises InputFileError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputFileError(f"{path} cannot be read: {error.strerror}") from None


def write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner can read; raises OutputFileError."""
    try:
        private_file.write_new(path, text)
    except FileExistsError:
        raise OutputFileError(f"{path} exists: move it away or name another file") from None
    except OSError as error:
        raise OutputFileError(f"{path} cannot be written: {error.strerror}") from None
