"""Topic `admin.notifications`: the last state of each notification, keyed by its cause. Anyone may read."""

from datetime import datetime
from typing import ClassVar

from pydantic import Field

from schemas.envelope import ConfigId, Message
from schemas.expiry_events import Cause
from schemas.reasons import NotificationKind, NotificationState, Severity
from schemas.topics import ADMIN_NOTIFICATIONS


class NotificationChanged(Message):
    """One notification: what is wrong, since when, how to cure it, and where the cure starts."""

    TYPE: ClassVar[str] = "grantkeeper.notification.changed.v1"
    TOPIC: ClassVar[str] = ADMIN_NOTIFICATIONS

    cause: Cause
    kind: NotificationKind
    severity: Severity
    state: NotificationState
    config_id: ConfigId | None = None
    client: str | None = None
    name: str
    title: str = Field(description="One English line; the console translates by kind.")
    text: str = ""
    cure_id: str
    cure: str
    url: str = Field(description="The page of the console that starts the cure.")
    count: int = Field(default=1, ge=1)
    opened_at: datetime
    ends_at: datetime | None = None
    reminders: int = Field(default=0, ge=0)
    reminded_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    resolved_at: datetime | None = None
    sequence: int = Field(ge=1)
