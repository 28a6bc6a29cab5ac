"""What a load balancer asks on the console's own port; operators ask more on the health port."""

from collections.abc import Callable, Mapping, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

Problems = Callable[[], Sequence[str]]


class Health:
    """Alive and ready."""

    def __init__(self, checks: Mapping[str, Problems]) -> None:
        self._checks = checks

    def routes(self) -> list[Route]:
        return [Route("/healthz", self.alive, methods=["GET"]), Route("/readyz", self.ready, methods=["GET"])]

    async def alive(self, _request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(self, _request: Request) -> Response:
        """Name the parts that do not work; what is wrong with them stands on the health port and in the log."""
        waiting = sorted(part for part, check in self._checks.items() if check())
        return JSONResponse({"ready": not waiting, "waiting_for": waiting}, status_code=503 if waiting else 200)
