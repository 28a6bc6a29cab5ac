"""Serving the app on a loopback port, with the connection within reach so that faults can cut it."""

import asyncio
import socket
import threading
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from devstack.provider.app import build_app
from devstack.provider.connection import Connection
from devstack.provider.control_client import ProviderControl
from devstack.provider.provider import Clock
from devstack.provider.settings import ProviderSettings
from devstack.provider.store import Store

HOST = "127.0.0.1"
BACKLOG = 2048
# Longer than any client keeps a connection in its pool: a close from our side is a fault, and faults come on command.
KEEP_ALIVE = 300
# A held or endless answer does not hold up the end.
PATIENCE = 1


class CuttableProtocol(HttpToolsProtocol):
    """Puts the connection into the request's state, where it can be cut; ASGI itself has no way to."""

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn narrows it
        super().connection_made(transport)
        self.app_state = {**self.app_state, "connection": Connection(transport)}


def listen(port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(BACKLOG)
    return listener


def make_server(app: ASGIApp) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=CuttableProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,  # its lines would hold what is in query strings
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=PATIENCE,
        )
    )


class ProviderThread:
    """A provider in a thread of this process, on a free port, from `start` (or `with`) to `stop`."""

    def __init__(self, settings: ProviderSettings, clock: Clock) -> None:
        self._listener = listen(0)
        self.base_url = f"http://{HOST}:{self._listener.getsockname()[1]}"
        self.settings = settings.model_copy(update={"issuer": self.base_url})
        self.control = ProviderControl(self.base_url)
        self._store = Store(settings.data)
        self._server = make_server(build_app(self.settings, clock, self._store))
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],), daemon=True)

    def issuer(self, realm: str) -> str:
        return f"{self.base_url}/{realm}"

    def start(self) -> Self:
        self._thread.start()  # connections wait in the listener's queue until the loop runs
        return self

    def stop(self) -> None:
        self.control.close()
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()
        self._store.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
