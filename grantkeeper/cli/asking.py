"""Every command is a signed message and its reply, both of the contract's models."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

import typer
from pydantic import ValidationError

from grantkeeper.cli.environment import Environment
from grantkeeper.cli.errors import ContractBroken
from grantkeeper_client import Asker, Credential
from schemas.config_commands import ConfigGet
from schemas.config_results import ConfigView
from schemas.envelope import Message, Model
from schemas.token_requests import TokenStatusGet, TokenStatusView
from schemas.token_status import TokenStatus

QUICK: Final = timedelta(seconds=10)
"""For what a service answers by itself."""
PROVIDER: Final = timedelta(seconds=40)
"""For what needs the provider: the refresher gives it 15 s, and may have to try a second secret."""
BULK: Final = timedelta(seconds=60)
"""For a chunk of 100 records, each parsed and stored."""

T = TypeVar("T")
Result = TypeVar("Result", bound=Model)


@dataclass(frozen=True, slots=True)
class Questions:
    """An open connection, on which one command may ask as often as it needs."""

    asker: Asker
    credential: Credential

    async def ask(
        self,
        message: Message,
        result: type[Result],
        *,
        config_id: str | None = None,
        deadline: timedelta = QUICK,
        message_id: str | None = None,
    ) -> Result:
        """Send one message and return its result; raises ReplyError, NoReply or ContractBroken."""
        answer = await self.asker.ask(
            message.TOPIC,
            message.TYPE,
            message.model_dump(mode="json", exclude_none=True),
            key=config_id.encode() if config_id else None,
            subject=config_id,
            deadline=deadline,
            message_id=message_id,
        )
        try:
            return result.read(answer)
        except ValidationError as error:
            raise ContractBroken(f"the answer to {message.TYPE} is not a {result.__name__}: {error}") from None

    async def config(self, reference: str) -> ConfigView:
        """Return a config by id, name or former name."""
        return await self.ask(ConfigGet(config=reference), ConfigView)

    async def status(self, reference: str) -> TokenStatus:
        """Return a token's public state by id, name or former name."""
        return (await self.ask(TokenStatusGet(config=reference), TokenStatusView)).status


@dataclass(frozen=True, slots=True)
class Session:
    """What a command gets as its context: nothing is connected or read before it asks."""

    environment: Environment

    def run(self, work: Callable[[Questions], Awaitable[T]]) -> T:
        """Connect, do the work, disconnect."""
        return asyncio.run(self._run(work))

    def one(self, message: Message, result: type[Result], *, deadline: timedelta = QUICK) -> Result:
        """Ask one question."""
        return self.run(lambda questions: questions.ask(message, result, deadline=deadline))

    async def _run(self, work: Callable[[Questions], Awaitable[T]]) -> T:
        credential = self.environment.credential()
        async with Asker(credential, security=self.environment.security(), client_id="grantkeeper-cli") as asker:
            return await work(Questions(asker, credential))


def session_of(context: typer.Context) -> Session:
    """Return the session that `app.py` put into every command's context."""
    session = context.find_object(Session)
    if session is None:
        raise RuntimeError("the command was started without a session")
    return session
