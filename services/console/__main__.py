"""Runs the console: reads its settings and its credential, then serves until a signal."""

import sys

from grantkeeper.process.logging import configure
from grantkeeper.process.run import run
from grantkeeper.process.settings import EX_CONFIG, load
from grantkeeper_client import CredentialError, load_credential
from services.console.app import SERVICE, build_parts
from services.console.settings import ConsoleSettings


def main() -> None:
    """Run until SIGTERM or SIGINT; exit code 78 where a setting or the credential cannot be used."""
    settings = load(ConsoleSettings)
    configure(settings.logging, SERVICE)
    try:
        credential = load_credential(settings.credential_file)
    except CredentialError as error:
        sys.stderr.write(f"GRANTKEEPER_CREDENTIAL_FILE: {error}\n")
        raise SystemExit(EX_CONFIG) from None
    run(lambda: build_parts(settings, credential))


if __name__ == "__main__":
    main()
