"""Topic `token.events`: the last public state of every token and client. Anyone may read; no secrets."""

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from schemas.envelope import Message
from schemas.reasons import AttemptClass
from schemas.token_status import TokenStatus
from schemas.topics import TOKEN_EVENTS

Happened = Literal[
    "config_changed",
    "authorization_started",
    "authorization_failed",
    "authorized",
    "refreshed",
    "refresh_failed",
    "expired",
    "reauthorization_required",
    "client_fault",
    "client_recovered",
    "quarantined",
    "revoked",
    "deleted",
    "reported",
]
"""`quarantined`: a refresh token came back after another one had been stored, and is kept aside."""


class TokenChanged(Message):
    """One token's whole public state and what brought it about. Key: config_id; a tombstone follows a purge."""

    TYPE: ClassVar[str] = "grantkeeper.token.changed.v1"
    TOPIC: ClassVar[str] = TOKEN_EVENTS

    happened: Happened
    actor: str | None = None
    status: TokenStatus


class ClientChanged(Message):
    """One client's state. Key: the client's hash."""

    TYPE: ClassVar[str] = "grantkeeper.client.status.v1"
    TOPIC: ClassVar[str] = TOKEN_EVENTS

    client: str
    client_id: str
    server: str = Field(description="Issuer, else the exact token URL.")
    ok: bool = Field(description="False: the provider refuses the client itself, and a person must cure that.")
    left_alone: bool = Field(
        default=False, description="The provider fails: one token at a time is tried until it is back."
    )
    tokens: int = Field(ge=0, description="How many token configs use it.")
    meaning: AttemptClass | None = None
    code: str | None = None
    text: str = ""
    cure_id: str | None = None
    cure: str | None = None
    sequence: int = Field(ge=1)
    changed_at: datetime
