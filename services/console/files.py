"""Static files with their caching: an address that carries the version never changes, so a browser may keep it."""

from typing import Final

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope
from typing_extensions import override

FOR_EVER: Final = "public, max-age=31536000, immutable"
ASK_EACH_TIME: Final = "no-cache"


class VersionedFiles(StaticFiles):
    """Serves a folder; only the console's present version may be kept."""

    def __init__(self, directory: str, version: str) -> None:
        super().__init__(directory=directory)
        self._asked = f"v={version}".encode()

    @override
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = FOR_EVER if scope["query_string"] == self._asked else ASK_EACH_TIME
        return response
