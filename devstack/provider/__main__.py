"""`python -m devstack.provider`: run the local provider until a signal ends it."""

import logging
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from devstack.provider.app import build_app
from devstack.provider.server import HOST, listen, make_server
from devstack.provider.settings import ProviderSettings
from devstack.provider.store import Store

CONFIGURATION_ERROR = 78  # sysexits.h EX_CONFIG


def main(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 19020,
    issuer: Annotated[str | None, typer.Option(help="Public address, without realm. Default: the port's.")] = None,
    data: Annotated[Path | None, typer.Option(help="File that keeps grants over a restart.")] = None,
    settings: Annotated[Path | None, typer.Option(help="TOML file with realms and clients.")] = None,
    access_token_life: Annotated[float | None, typer.Option(help="Seconds, for all realms.", min=1)] = None,
) -> None:
    """Play four OAuth2 providers (google, microsoft, strict, grace) on this machine."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        chosen = ProviderSettings() if settings is None else ProviderSettings.load(settings)
        listener = listen(port)
    except (ValueError, OSError) as error:
        print(f"provider: {error}", file=sys.stderr)
        raise typer.Exit(CONFIGURATION_ERROR) from error
    address = issuer or f"http://{HOST}:{listener.getsockname()[1]}"
    lives = {} if access_token_life is None else {"access_token_life": access_token_life}
    realms = {name: realm.model_copy(update=lives) for name, realm in chosen.realms.items()}
    chosen = chosen.model_copy(update={"issuer": address, "realms": realms, "data": data or chosen.data})
    store = Store(chosen.data)
    try:
        make_server(build_app(chosen, time.time, store)).run([listener])
    finally:
        store.close()


if __name__ == "__main__":
    typer.run(main)
