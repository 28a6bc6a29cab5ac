"""One token as the two services know it: asked for by the id in the address."""

import asyncio
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request

from grantkeeper_client import ReplyError
from schemas.config_commands import ConfigGet
from schemas.config_results import ConfigView
from schemas.envelope import Message, Model
from schemas.token_requests import TokenStatusGet, TokenStatusView
from schemas.token_status import TokenStatus
from services.console import views
from services.console.asking import NoAnswer
from services.console.console import Console
from services.console.selection import page_number

Result = TypeVar("Result", bound=Model)


@dataclass(frozen=True, slots=True)
class Known:
    """One token as both services know it; either may be silent."""

    config_id: str
    view: ConfigView | None
    row: views.Row | None

    @property
    def revision(self) -> int:
        """The one that is shown, by whoever knows it."""
        return self.view.revision if self.view else self.row.status.revision if self.row else 0

    @property
    def name(self) -> str:
        """Its name, by whoever knows it."""
        return self.view.name if self.view else self.row.status.name if self.row else ""


async def stored_config(console: Console, request: Request) -> ConfigView:
    """Ask config_service; raises ReplyError or NoAnswer."""
    config_id = request.path_params["config_id"]
    return await console.ask(request, ConfigGet(config=config_id), ConfigView, config_id=config_id)


async def token_status(console: Console, request: Request, *, min_revision: int | None = None) -> TokenStatus:
    """Ask the refresher; raises ReplyError or NoAnswer."""
    config_id = request.path_params["config_id"]
    question = TokenStatusGet(config=config_id, min_revision=min_revision)
    return (await console.ask(request, question, TokenStatusView, config_id=config_id)).status


async def look_up(console: Console, request: Request) -> Known:
    """Ask both services at the same time; raises what both say, or NoAnswer."""
    config_id = request.path_params["config_id"]
    revision = page_number(request.query_params.get("revision"))
    status_question = TokenStatusGet(config=config_id, min_revision=revision if revision > 1 else None)
    view, status = await asyncio.gather(
        if_answered(console, request, ConfigGet(config=config_id), ConfigView),
        if_answered(console, request, status_question, TokenStatusView),
    )
    if isinstance(view, ReplyError):
        raise view
    row = None
    if isinstance(status, TokenStatusView):
        row = views.row(status.status, console.clock.now(), console.words(request))
    if view is None and row is None:
        raise NoAnswer(config_id)
    return Known(view.config_id if view else config_id, view, row)


async def if_answered(
    console: Console, request: Request, message: Message, answer: type[Result]
) -> Result | ReplyError | None:
    """Ask one service; its refusal is returned, its silence is None."""
    try:
        return await console.ask(request, message, answer, config_id=request.path_params["config_id"])
    except ReplyError as error:
        return error
    except NoAnswer:
        return None
