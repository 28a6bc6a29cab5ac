"""`grantkeeper`: the one place of the command line that reads the environment."""

import os
import sys
from collections.abc import Sequence

from grantkeeper.cli import exit_codes, token_get
from grantkeeper.cli.environment import read_environment
from grantkeeper_client import CredentialError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code (exit_codes.py)."""
    raise SystemExit(_run(list(sys.argv[1:] if arguments is None else arguments)))


def _run(arguments: list[str]) -> int:
    try:
        environment = read_environment(os.environ)
    except CredentialError as error:
        sys.stderr.write(f"grantkeeper: {error}\n")
        return exit_codes.CONFIGURATION
    credential, words = _without_credential(arguments)
    if tuple(words[:2]) == token_get.WORDS:
        return token_get.run([*credential, *words[2:]], environment)
    # Late: `token get` is called at every login of a mail program and must not wait for what it does not use.
    from grantkeeper.cli.app import run  # noqa: PLC0415

    return run([*credential, *words], environment)


def _without_credential(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Take `--credential FILE` out, wherever it stands: it belongs to every command."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    for place, word in enumerate(arguments[:end]):
        if word.startswith("--credential="):
            return [word], [*arguments[:place], *arguments[place + 1 :]]
        if word == "--credential" and place + 1 < end:
            return arguments[place : place + 2], [*arguments[:place], *arguments[place + 2 :]]
    return [], arguments


if __name__ == "__main__":
    main()
