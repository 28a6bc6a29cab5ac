"""The web server as a part of the process: listens first, stops last, ends open streams before it stops."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from grantkeeper.process.logging import get_logger
from services.console.settings import WebSettings

log = get_logger(__name__)


class WebServer:
    """Uvicorn around one application."""

    def __init__(self, settings: WebSettings, app: ASGIApp, end_streams: Callable[[], None]) -> None:
        self._settings = settings
        self._app = app
        self._end_streams = end_streams
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self.port = settings.port

    async def start(self) -> None:
        """Listen; `port` is then the real one. Raises OSError where the address is taken."""
        listener = socket.create_server((self._settings.host, self._settings.port))
        self.port = listener.getsockname()[1]
        self._server = _Server(self._config())
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]), name="web server")
        log.info("console listens", host=self._settings.host, port=self.port)

    async def stop(self) -> None:
        """Stop listening, end streams, let running answers end."""
        if self._server is not None and self._serving is not None:
            self._end_streams()
            self._server.should_exit = True
            await self._serving

    def problems(self) -> list[str]:
        """Say whether it serves."""
        serves = self._serving is not None and not self._serving.done()
        return [] if serves else ["the web server does not run"]

    def _config(self) -> uvicorn.Config:
        # No access log: an address on the way back from a provider carries an authorization code.
        return uvicorn.Config(
            self._app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=10,
        )


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: the process has its own (grantkeeper/process/run.py)."""

    @contextmanager
    @override
    def capture_signals(self) -> Iterator[None]:
        yield
