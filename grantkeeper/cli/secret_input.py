"""Secrets come from a prompt without echo, from standard input or from a file.

Never from an argument: every user of the machine can read those in the list of processes.
"""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from grantkeeper.cli.errors import WrongData
from grantkeeper.cli.files import read_bytes

STDIN: Final = "-"
SecretFileOption = Annotated[
    str | None,
    typer.Option("--secret-file", metavar="FILE", help="File that holds the client secret; - = standard input."),
]
SecretPromptOption = Annotated[bool, typer.Option("--secret-prompt", help="Ask for the client secret, without echo.")]


def read_secret(what: str, file: str | None, *, prompt: bool) -> str | None:
    """Return the secret, None where none was offered; the last line break of a file is not part of it."""
    if file is not None:
        secret = _text(what, file)
    elif prompt:
        secret = typer.prompt(what, hide_input=True, err=True)
    else:
        return None
    if not secret:
        raise WrongData(f"the {what.lower()} is empty")
    return secret


def _text(what: str, file: str) -> str:
    raw = sys.stdin.buffer.read() if file == STDIN else read_bytes(Path(file))
    try:
        return raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise WrongData(f"the {what.lower()} is not UTF-8 text") from None
