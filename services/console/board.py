"""The open notifications, read from `admin.notifications` from its start: every replica sees the same, without asking.

The topic is compacted and carries the last state of each cause, so the reader needs no storage and no group.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import ValidationError

from grantkeeper.process.logging import get_logger
from grantkeeper_client import Envelope
from schemas.admin_notifications import NotificationChanged

log = get_logger(__name__)
_SEVERITY: Final[Mapping[str, int]] = {"red": 0, "yellow": 1}


class Board:
    """What needs a person, red before yellow, newest first."""

    def __init__(self) -> None:
        self._notifications: dict[str, NotificationChanged] = {}
        self.complete = False
        """Whether the topic was read to the end that it had at start."""

    def take(self, envelope: Envelope) -> None:
        """Take one record of the topic."""
        if envelope.value is None:
            self._notifications.pop((envelope.key or b"").decode(errors="replace"), None)
            return
        if envelope.type != NotificationChanged.TYPE:
            return
        try:
            self.put(NotificationChanged.read(envelope.value))
        except ValidationError:
            log.warning("a notification does not follow the contract", id=envelope.id)

    def put(self, notification: NotificationChanged) -> None:
        """Keep a notification unless a later state of it is known; a reply may come before its event."""
        known = self._notifications.get(notification.cause)
        if known is None or notification.sequence > known.sequence:
            self._notifications[notification.cause] = notification

    def get(self, cause: str) -> NotificationChanged | None:
        """Return the last state of one cause."""
        return self._notifications.get(cause)

    def open(self) -> Sequence[NotificationChanged]:
        """Return all that are not resolved: what nobody has acknowledged first, red before yellow, newest first."""
        there = [one for one in self._notifications.values() if one.state != "resolved"]
        there.sort(key=lambda one: one.opened_at, reverse=True)
        there.sort(key=lambda one: (one.state == "acknowledged", _SEVERITY[one.severity]))
        return there

    def waiting(self) -> Sequence[NotificationChanged]:
        """Return those that nobody has acknowledged."""
        return [one for one in self.open() if one.state != "acknowledged"]
