"""What an operator may ask a process over HTTP: alive, ready, metrics, contract.

/healthz says the event loop turns; /readyz lists what is wrong, in words, and answers 503 until nothing is;
/metrics is Prometheus' text format; /contract is the AsyncAPI document of the bus. It shows nothing of any tenant.
"""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources
from typing import Any, Final

import uvicorn
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from typing_extensions import override

from grantkeeper.process.logging import get_logger
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.settings import HealthSettings

Problems = Callable[[], Sequence[str]]
"""Says what keeps a part of the process from working; empty = nothing. Cheap and without IO."""

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_JSON: Final = "application/json"
_TEXT: Final = "text/plain; charset=utf-8"

log = get_logger(__name__)


class HealthServer:
    """A part of the process: serves from the very start, so that "not ready" can be asked and answered."""

    def __init__(self, settings: HealthSettings, metrics: Metrics, checks: Mapping[str, Problems]) -> None:
        self._settings = settings
        self._metrics = metrics
        self._checks = checks
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self.port = settings.port

    async def start(self) -> None:
        """Listen; `port` is then the real one. Raises OSError where the address is taken."""
        listener = socket.create_server((self._settings.host, self._settings.port))
        self.port = listener.getsockname()[1]
        self._server = _Server(uvicorn.Config(self, lifespan="off", log_config=None, access_log=False))
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]), name="health server")
        log.info("health server listens", host=self._settings.host, port=self.port)

    async def stop(self) -> None:
        """Stop listening and let running answers end."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving

    def problems(self) -> dict[str, list[str]]:
        """Return what is wrong by part; empty = ready."""
        found = {part: list(check()) for part, check in self._checks.items()}
        return {part: problems for part, problems in found.items() if problems}

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            return
        status, content_type, body = self._answer(scope["method"], scope["path"])
        headers = [(b"content-type", content_type.encode()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _answer(self, method: str, path: str) -> tuple[int, str, bytes]:
        if method not in {"GET", "HEAD"}:
            return 405, _TEXT, b"only GET and HEAD\n"
        match path:
            case "/healthz":
                return 200, _TEXT, b"ok\n"
            case "/readyz":
                return self._readiness()
            case "/metrics":
                self._metrics.set("process_ready", float(not self.problems()))
                return 200, CONTENT_TYPE_LATEST, generate_latest(self._metrics.registry)
            case "/contract":
                return _contract()
            case _:
                return 404, _TEXT, b"try /healthz /readyz /metrics /contract\n"

    def _readiness(self) -> tuple[int, str, bytes]:
        problems = self.problems()
        body = json.dumps({"ready": not problems, "problems": problems}, indent=2).encode() + b"\n"
        return (503 if problems else 200), _JSON, body


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: the process has its own (run.py)."""

    @contextmanager
    @override
    def capture_signals(self) -> Iterator[None]:
        yield


def _contract() -> tuple[int, str, bytes]:
    document = resources.files("schemas") / "contract" / "asyncapi.json"
    return 200, _JSON, document.read_bytes()
