"""Topic `expiry.events`: what ended, is about to end, or is well again. Read by the notifier; no secrets.

`cause` is `<config_id>:<kind>`, `client:<hash>:<kind>` or `engine:<kind>`: one open notification for each.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from schemas.envelope import ConfigId, Message
from schemas.reasons import NotificationKind
from schemas.token_config import Validity
from schemas.topics import EXPIRY_EVENTS

Cause = Annotated[
    str, StringConstraints(pattern=r"^(engine|client:[0-9a-f]{16,64}|[0-9a-f-]{36}):[a-z_]+$", max_length=120)
]


class ExpiryReported(Message):
    """Something needs a human, or soon will. Told once per cause until it is recovered."""

    TYPE: ClassVar[str] = "grantkeeper.expiry.reported.v1"
    TOPIC: ClassVar[str] = EXPIRY_EVENTS

    cause: Cause
    kind: NotificationKind
    config_id: ConfigId | None = None
    client: str | None = None
    name: str = Field(description="Of the config, or the client id, or `engine`.")
    template: str | None = None
    validity: Validity = "valid"
    notify_expired_token: bool = False
    notify_expired_refresh_token: bool = True
    cure_id: str
    cure: str
    text: str = Field(default="", description="What the provider said, secrets cut.")
    at: datetime
    ends_at: datetime | None = Field(default=None, description="For what ends soon.")
    count: int = Field(default=1, ge=1, description="How many token configs share the cause.")
    sequence: int = Field(ge=1, description="Of the reporting document; a lower one is dropped.")


class ExpiryRecovered(Message):
    """The cause is gone."""

    TYPE: ClassVar[str] = "grantkeeper.expiry.recovered.v1"
    TOPIC: ClassVar[str] = EXPIRY_EVENTS

    causes: Annotated[tuple[Cause, ...], Field(min_length=1)]
    config_id: ConfigId | None = None
    client: str | None = None
    at: datetime
    sequence: int = Field(ge=1)


class ConfigWentOff(Message):
    """A config was set invalid or deleted: its open notifications are settled."""

    TYPE: ClassVar[str] = "grantkeeper.expiry.config_off.v1"
    TOPIC: ClassVar[str] = EXPIRY_EVENTS

    config_id: ConfigId
    why: Literal["config_off", "config_deleted"]
    at: datetime
    sequence: int = Field(ge=1)
