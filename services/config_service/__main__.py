"""`python -m services.config_service`: reads the environment, wires the process, runs it until a signal."""

import sys

from grantkeeper.crypto.errors import RingError
from grantkeeper.process.clock import SYSTEM_CLOCK, SYSTEM_IDS
from grantkeeper.process.logging import configure
from grantkeeper.process.run import run
from grantkeeper.process.settings import EX_CONFIG, load
from services.config_service.app import NAME, build_app
from services.config_service.settings import ConfigServiceSettings


def main() -> None:
    """Run config_service."""
    settings = load(ConfigServiceSettings)
    configure(settings.logging, NAME)
    try:
        run(lambda: build_app(settings, clock=SYSTEM_CLOCK, ids=SYSTEM_IDS))
    except RingError as error:
        sys.stderr.write(f"settings: GRANTKEEPER_RINGS__AUTH_FILE: {error}\n")
        raise SystemExit(EX_CONFIG) from None


if __name__ == "__main__":
    main()
