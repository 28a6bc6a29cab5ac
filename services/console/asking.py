"""Every action is a signed message to the bus with the person as `actor`, and its reply is what the page shows.

What goes wrong comes out as one of two things: `ReplyError`, a service's answer in words, or `NoAnswer`: the bus is
down, or nobody who could answer runs.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, Protocol, TypeVar

from pydantic import ValidationError

from grantkeeper.process.logging import get_logger
from grantkeeper_client import GrantkeeperError, NoReply, ReplyError
from schemas.config_commands import ConfigGet, ConfigHistory, PrincipalList, TemplateList
from schemas.envelope import Message, Model
from schemas.token_requests import EngineStatusGet, TokenList, TokenStatusGet
from services.console.users import User

QUICK: Final = timedelta(seconds=5)
"""For what a service answers by itself; a person should not look at a blank page for longer."""
PROVIDER: Final = timedelta(seconds=25)
"""For what needs the provider, whose answer the refresher awaits for up to 15 s; what takes longer shows on the page of
the token, since the refresher goes on."""
BULK: Final = timedelta(seconds=60)
"""For a chunk of 100 records, each parsed and stored."""

VIEWER_MAY_ASK: Final[frozenset[type[Message]]] = frozenset(
    {TokenList, TokenStatusGet, ConfigGet, ConfigHistory, TemplateList, PrincipalList, EngineStatusGet}
)
"""What a viewer's pages are made of. The console's credential may send everything, so this list is what keeps a viewer
to reading, whatever path a request took; an export is not in it: it carries every sealed secret."""

log = get_logger(__name__)
Result = TypeVar("Result", bound=Model)


class Ask(Protocol):
    """How `grantkeeper_client.Asker` asks."""

    async def __call__(
        self,
        topic: str,
        type: str,  # noqa: A002 - the CloudEvents attribute's name
        data: Mapping[str, Any],
        *,
        key: bytes | None,
        subject: str | None = None,
        deadline: timedelta = ...,
        actor: str | None = None,
        message_id: str | None = None,
    ) -> Mapping[str, Any]:
        """Send, wait, return the result; raises ReplyError or NoReply."""
        ...


class Asks(Protocol):
    """Whoever can ask at the moment."""

    @property
    def ask(self) -> Ask:
        """Return the way to ask; raises NoReply where there is none."""
        ...


class NoAnswer(Exception):
    """Nobody answered in time: nothing is known of what became of the question."""


class NotForViewers(Exception):
    """A viewer wants something sent that is not in `VIEWER_MAY_ASK`; nothing was sent."""


class Asking:
    """Turns a message of the contract into its answer of the contract."""

    def __init__(self, asks: Asks) -> None:
        self._asks = asks

    async def ask(
        self,
        user: User,
        message: Message,
        answer: type[Result],
        *,
        config_id: str | None = None,
        deadline: timedelta = QUICK,
        message_id: str | None = None,
    ) -> Result:
        """Send one message for a person; raises ReplyError, NoAnswer or NotForViewers.

        A command that is sent again under its `message_id` is done once.
        """
        if not user.is_admin and type(message) not in VIEWER_MAY_ASK:
            raise NotForViewers(message.TYPE)
        data = message.model_dump(mode="json", exclude_none=True, exclude={"actor"})
        key = config_id.encode() if config_id else None
        try:
            result = await self._asks.ask(
                message.TOPIC,
                message.TYPE,
                data,
                key=key,
                subject=config_id,
                deadline=deadline,
                actor=user.name,
                message_id=message_id,
            )
            return answer.read(result)
        except ReplyError:
            raise
        except (GrantkeeperError, NoReply, OSError) as error:
            log.warning("nobody answered", type=message.TYPE, problem=type(error).__name__)
            raise NoAnswer(message.TYPE) from error
        except ValidationError as error:
            log.exception("an answer does not follow the contract", type=message.TYPE)
            raise NoAnswer(message.TYPE) from error
