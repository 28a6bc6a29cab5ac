"""Topic `dead-letters`: place and reason of what could not be taken; never its key, headers or body."""

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field

from schemas.envelope import Message
from schemas.reasons import DeadLetterReason
from schemas.topics import DEAD_LETTERS


class DeadLetter(Message):
    """One message that was given up."""

    TYPE: ClassVar[str] = "grantkeeper.dead_letter.reported.v1"
    TOPIC: ClassVar[str] = DEAD_LETTERS

    topic: str = Field(description="Real name of the topic.")
    partition: int = Field(ge=0)
    offset: int = Field(ge=0)
    reason: DeadLetterReason
    detail: Annotated[str, Field(max_length=500)] = Field(default="", description="What was wrong, without content.")
    service: str
    at: datetime
