"""What comes back: `{ok: true, result}` or `{ok: false, error}` (CONTRACT: request and reply)."""

from typing import Any, ClassVar

from pydantic import Field, model_validator

from schemas.envelope import Message, Model
from schemas.reasons import ErrorCode


class Detail(Model):
    """One thing that is wrong, at its place."""

    field: str | None = Field(default=None, description="Dotted path of the field, e.g. `client_id`.")
    line: int | None = Field(default=None, ge=1)
    column: int | None = Field(default=None, ge=1)
    record: int | None = Field(default=None, ge=0, description="Index within a chunk of an import.")
    problem: str
    cure: str


class ErrorBody(Model):
    """Why it was refused, in a word for programs and a sentence for people."""

    code: ErrorCode
    message: str
    retryable: bool = False
    retry_after: float | None = Field(default=None, ge=0, description="Seconds.")
    details: tuple[Detail, ...] = ()
    facts: dict[str, Any] = Field(default_factory=dict, description="E.g. the current revision after a conflict.")


class Reply(Message):
    """The answer to one command or request, on the asker's own topic, under its correlation id."""

    TYPE: ClassVar[str] = "grantkeeper.reply.v1"
    TOPIC: ClassVar[str] = "replies"

    ok: bool
    result: dict[str, Any] | None = None
    error: ErrorBody | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Reply":
        if self.ok is not (self.error is None):
            reason = "a reply has a result or an error"
            raise ValueError(reason)
        return self
