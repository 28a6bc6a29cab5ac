"""What a person sees when a page cannot be shown or an action was not carried out: in words, with what to do."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from grantkeeper.process.logging import get_logger
from grantkeeper_client import ReplyError
from schemas.replies import Detail
from services.console import views
from services.console.asking import NoAnswer
from services.console.console import Console
from services.console.security import SAFE_METHODS
from services.console.words import Words

log = get_logger(__name__)

_STATUS: Final = {"not_found": 404, "not_permitted": 403, "name_taken": 409, "revision_conflict": 409}
_HTTP_WORDS: Final = {400: "refused.unfit", 404: "refused.not_found", 405: "refused.method", 413: "refused.too_large"}


def error_lines(error: ReplyError, words: Words) -> list[str]:
    """Say why a service refused: its code in the person's language, then each detail, else its own sentence."""
    said = words.known(f"error.{error.code}", error.message)
    if error.details:
        return [said, *(views.detail(Detail.read(found)) for found in error.details)]
    return [said] if error.message in {said, error.code} else [said, error.message]


class Problems:
    """Answers in place of a page."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def refused(self, request: Request, key: str, status: int, **values: object) -> Response:
        """Say why nothing was done."""
        words = self._console.words(request)
        return self._page(request, words("refused.title"), [words(key, **values)], status)

    def reply_error(self, request: Request, error: Exception) -> Response:
        """Show a service's refusal."""
        assert isinstance(error, ReplyError)  # noqa: S101 - registered for this type alone
        words = self._console.words(request)
        return self._page(request, words("error.title"), error_lines(error, words), _STATUS.get(error.code, 409))

    def not_for_viewers(self, request: Request, _error: Exception) -> Response:
        """Say that a viewer may not; nothing was sent."""
        return self.refused(request, "refused.role", 403)

    def no_answer(self, request: Request, error: Exception) -> Response:
        """Say that nobody answered, and what that means for what was asked; a page tries again by itself."""
        assert isinstance(error, NoAnswer)  # noqa: S101 - registered for this type alone
        words = self._console.words(request)
        key = "bus.down_read" if request.method in SAFE_METHODS else "bus.unknown_outcome"
        lines, again = [words(key), words("bus.down_hint")], None
        if request.method in SAFE_METHODS:
            again = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
        title = words("problem.title")
        return self._console.page(request, "problem.html", status=503, title=title, lines=lines, again=again)

    def http(self, request: Request, error: Exception) -> Response:
        """Show what the framework refuses: no such page, not that way."""
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type alone
        return self.refused(request, _HTTP_WORDS.get(error.status_code, "refused.failed"), error.status_code)

    def too_large(self, request: Request, _error: Exception) -> Response:
        """Say that a form or file is too long."""
        return self.refused(request, "refused.too_large", 413)

    def users_file(self, request: Request, error: Exception) -> Response:
        """Nobody can be let in: the file is the operator's."""
        log.error("users file cannot be used", problem=str(error))
        request.state.user = None
        return self.refused(request, "refused.users_file", 503)

    def failed(self, request: Request, error: Exception) -> Response:
        """Our own fault: logged with its trace, told without."""
        log.error("page failed", path=request.url.path, exc_info=error)
        request.state.user = getattr(request.state, "user", None)
        return self.refused(request, "refused.failed", 500)

    def unfit(self, request: Request, _error: Exception) -> Response:
        """Say that what came cannot become a message of the contract: an id that is none, a text too long."""
        return self.refused(request, "refused.unfit", 400)

    def _page(self, request: Request, title: str, lines: list[str], status: int) -> Response:
        response = self._console.page(request, "problem.html", status=status, title=title, lines=lines, again=None)
        if "hx-request" in request.headers and request.method in SAFE_METHODS:
            # A live part cannot show a problem in its place: the whole page is loaded again and does.
            response.headers["HX-Refresh"] = "true"
        return response
