"""Runs the console: reads its settings and its credential, then serves until a signal."""

import sys
from typing import NoReturn

from grantkeeper.process.logging import configure
from grantkeeper.process.run import run
from grantkeeper.process.settings import EX_CONFIG, load
from grantkeeper_client import Credential, CredentialError, load_credential
from services.console.app import SERVICE, build_parts
from services.console.settings import ConsoleSettings


def main() -> None:
    """Run until SIGTERM or SIGINT; exit code 78 where a setting or the credential cannot be used."""
    settings = load(ConsoleSettings)
    configure(settings.logging, SERVICE)
    credential = _credential(settings)
    run(lambda: build_parts(settings, credential))


def _credential(settings: ConsoleSettings) -> Credential:
    try:
        credential = load_credential(settings.credential_file)
    except CredentialError as error:
        _exit(str(error))
    if credential.prefix != settings.kafka.prefix:
        _exit(f"it is for topics that begin with {credential.prefix}: set GRANTKEEPER_KAFKA__PREFIX to the same")
    return credential


def _exit(problem: str) -> NoReturn:
    sys.stderr.write(f"settings: GRANTKEEPER_CREDENTIAL_FILE: {problem}\n")
    raise SystemExit(EX_CONFIG)


if __name__ == "__main__":
    main()
