"""Drawing a form again with everything that was typed and everything that is wrong with it."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from grantkeeper.oauth2.redirect import redirect_uri
from grantkeeper_client import ReplyError
from schemas.token_config import TokenConfig
from services.console.asking import NoAnswer
from services.console.complaints import by_field
from services.console.console import Console
from services.console.routes.problems import error_lines
from services.console.token_form import TokenForm

Trouble = ReplyError | NoAnswer


class FormPage:
    """The page of one form: Add, Duplicate or Edit."""

    def __init__(self, console: Console, page: str) -> None:
        self._console = console
        self._page = page

    def draw(
        self,
        request: Request,
        form: TokenForm,
        base: TokenConfig,
        *,
        problems: Mapping[str, str] | None = None,
        trouble: Trouble | None = None,
        **context: Any,
    ) -> Response:
        """Show a form of `base`; `problems` are keys of the catalogue by field, `trouble` is what the bus said."""
        words = self._console.words(request)
        said = {name: words(key) for name, key in (problems or {}).items()}
        lines: list[str] = []
        status = 422 if problems else 200
        if isinstance(trouble, NoAnswer):
            lines, status = [words("bus.down"), words("bus.down_hint")], 503
        elif trouble is not None:
            placed = by_field(trouble, {*form.values, "client_secret"})
            lines = [line for line in error_lines(trouble, words) if line not in placed.values()]
            status, said = 409, said | placed
        shown = {"form": form, "base": base, "problems": said, "lines": lines, "taken": taken(trouble)}
        shown["redirect_uri"] = self._redirect_uri(base)
        return self._console.page(request, self._page, **{"status": status, **shown, **context})

    def keep(self, request: Request, form: TokenForm) -> Response:
        """Keep what was typed where not even the form can be drawn: a button sends it again as it is."""
        return self._console.page(request, "form_unanswered.html", status=503, form=form)

    def _redirect_uri(self, base: TokenConfig) -> str | None:
        if base.auth_flow != "AuthorizationCode":
            return None
        return redirect_uri(base, self._console.settings.origin)


def taken(error: Exception | None) -> str | None:
    """Return the id of the token that has the name already, where the service tells."""
    if isinstance(error, ReplyError) and error.code == "name_taken":
        return str(error.facts.get("config_id", "")) or None
    return None
