"""A bus that answers at once, for pages alone: it takes and gives nothing but messages of the contract.

What it cannot do is remember: each answer is set by the test. How services really answer is shown by the end-to-end
tests; here stands what a page makes of an answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from grantkeeper_client import NoReply, ReplyError
from schemas.envelope import Message
from schemas.reasons import ErrorCode
from schemas.replies import ErrorBody

Answer = BaseModel | Exception | Callable[[Message], BaseModel | Exception]


@dataclass
class AnsweringBus:
    """Answers by message type; a type without an answer counts as nobody there."""

    answers: dict[type[Message], Answer] = field(default_factory=dict)
    asked: list[Message] = field(default_factory=list)
    actors: list[str | None] = field(default_factory=list)
    message_ids: list[str | None] = field(default_factory=list)

    async def ask(
        self,
        topic: str,
        type: str,  # noqa: A002
        data: Mapping[str, Any],
        *,
        key: bytes | None,
        subject: str | None = None,
        deadline: timedelta = timedelta(seconds=1),
        actor: str | None = None,
        message_id: str | None = None,
    ) -> Mapping[str, Any]:
        """Check the question against the contract, and the answer too."""
        message = Message.MESSAGES[type].model_validate({**data, "actor": actor})
        assert topic == message.TOPIC
        self.asked.append(message)
        self.actors.append(actor)
        self.message_ids.append(message_id)
        answer = self.answers.get(Message.MESSAGES[type])
        found = answer(message) if callable(answer) else answer
        if found is None:
            raise NoReply("nobody is there")
        if isinstance(found, Exception):
            raise found
        return found.model_dump(mode="json")

    def last(self, kind: type[Message]) -> Any:
        """Return the last message of a type that was asked."""
        return [message for message in self.asked if isinstance(message, kind)][-1]


def refusal(code: ErrorCode, message: str = "", **more: Any) -> ReplyError:
    """An error as the contract has it."""
    body = ErrorBody.model_validate({"code": code, "message": message or code, **more})
    return ReplyError(body.code, body.message, details=[one.model_dump() for one in body.details], facts=body.facts)
