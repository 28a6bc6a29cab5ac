"""The page System: whether the engine runs, who is in trouble, how far services are behind; and the stop switch.

One request to the refresher, one look at Kafka, at the same time; where either is silent the page shows the other.
"""

import asyncio
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from grantkeeper.bus.errors import Unavailable
from grantkeeper.bus.lag import Lag
from grantkeeper.process.logging import get_logger
from schemas.token_requests import EngineResume, EngineStatus, EngineStatusGet, EngineStop
from services.console.asking import QUICK, NoAnswer
from services.console.console import Console
from services.console.engine_view import client, overdue

log = get_logger(__name__)


class System:
    """What an operator wants to know, and the two switches."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[Route]:
        return [
            Route("/system", self.show, methods=["GET"]),
            Route("/system/stop", self.ask_stop, methods=["GET"]),
            Route("/system/stop", self.stop, methods=["POST"]),
            Route("/system/resume", self.ask_resume, methods=["GET"]),
            Route("/system/resume", self.resume, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        engine, lags = await asyncio.gather(self._engine(request), self._lags())
        words, now = self._console.words(request), self._console.clock.now()
        letters = self._console.bus.dead_letters
        return self._console.page(
            request,
            "system.html",
            engine=engine,
            clients=[client(one, now, words) for one in engine.clients] if engine else [],
            overdue=overdue(engine.overdue_seconds, words) if engine else "",
            lags=lags,
            letters=letters.newest,
            letters_total=letters.total,
            letters_complete=letters.complete,
        )

    async def ask_stop(self, request: Request) -> Response:
        return self._console.page(request, "system_ask.html", action="stop", held=None)

    async def ask_resume(self, request: Request) -> Response:
        """What is confirmed depends on why nothing is sent, so that is asked first."""
        engine = await self._console.ask(request, EngineStatusGet(), EngineStatus)
        return self._console.page(request, "system_ask.html", action="resume", held=engine.held)

    async def stop(self, request: Request) -> Response:
        await self._console.ask(request, EngineStop(), EngineStatus)
        return self._console.go("/system", said="engine_stopped")

    async def resume(self, request: Request) -> Response:
        await self._console.ask(request, EngineResume(), EngineStatus)
        return self._console.go("/system", said="engine_resumed")

    async def _engine(self, request: Request) -> EngineStatus | None:
        try:
            return await self._console.ask(request, EngineStatusGet(), EngineStatus)
        except NoAnswer:
            return None

    async def _lags(self) -> Sequence[Lag] | None:
        try:
            async with asyncio.timeout(QUICK.total_seconds()):
                return await self._console.bus.lags()
        except (Unavailable, TimeoutError) as error:
            log.warning("Kafka does not say how far services are behind", problem=str(error) or "no answer in time")
            return None
