"""Topic `notification.commands`: list and acknowledge. Read by the notifier."""

from typing import Annotated, ClassVar

from pydantic import Field

from schemas.admin_notifications import NotificationChanged
from schemas.envelope import Actor, Message, Model
from schemas.expiry_events import Cause
from schemas.reasons import NotificationState
from schemas.topics import NOTIFICATION_COMMANDS


class NotificationCommand(Message):
    """A command to the notifier."""

    TOPIC: ClassVar[str] = NOTIFICATION_COMMANDS
    ROLES: ClassVar[frozenset[str]] = frozenset({"admin"})

    actor: Actor = None


class NotificationList(NotificationCommand):
    """Notifications, newest first. Result: NotificationPage. Roles: viewer, admin."""

    TYPE: ClassVar[str] = "grantkeeper.notification.list.v1"
    ROLES: ClassVar[frozenset[str]] = frozenset({"admin", "viewer"})

    states: tuple[NotificationState, ...] = ("open", "reminded", "acknowledged")
    offset: Annotated[int, Field(ge=0)] = 0
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class NotificationAcknowledge(NotificationCommand):
    """Seen: no more reminders until it comes back. Result: NotificationView. Role: admin."""

    TYPE: ClassVar[str] = "grantkeeper.notification.acknowledge.v1"

    cause: Cause
    sequence: int | None = Field(
        default=None, ge=1, description="The one that was seen; a newer occurrence is not silenced."
    )


class NotificationPage(Model):
    """One page."""

    notifications: tuple[NotificationChanged, ...]
    total: int


class NotificationView(Model):
    """One notification."""

    notification: NotificationChanged
