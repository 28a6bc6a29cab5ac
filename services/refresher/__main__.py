"""`python -m services.refresher`: reads the environment, wires the process, runs it until a signal."""

import sys

from grantkeeper.crypto.errors import RingError
from grantkeeper.oauth2.http import HttpDoor
from grantkeeper.process.clock import SYSTEM_CLOCK, SYSTEM_IDS
from grantkeeper.process.logging import configure
from grantkeeper.process.run import run
from grantkeeper.process.settings import EX_CONFIG, SettingsError, load
from services.refresher.app import NAME, build_app
from services.refresher.settings import RefresherSettings


def main() -> None:
    """Run the refresher."""
    settings = load(RefresherSettings)
    configure(settings.logging, NAME)
    providers = settings.oauth2
    door = HttpDoor(
        allow_hosts=providers.allow_hosts,
        proxy=providers.proxy,
        ca_file=providers.ca_file,
        max_connections=0,  # no limit here: the slots of each client are one, and hanging ones must not fill this
    )
    try:
        run(lambda: build_app(settings, door, clock=SYSTEM_CLOCK, ids=SYSTEM_IDS))
    except (SettingsError, RingError) as error:
        names = "GRANTKEEPER_RINGS__AUTH_FILE or _VAULT_FILE: " if isinstance(error, RingError) else ""
        sys.stderr.write(f"settings: {names}{error}\n")
        raise SystemExit(EX_CONFIG) from None


if __name__ == "__main__":
    main()
