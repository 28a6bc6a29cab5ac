"""The life of a notification: open, reminded, acknowledged, resolved; one per cause. Values in, values out.

Events may come twice and out of order: each carries the sequence of the document that reported it, and a cause keeps
the highest it has seen. Whoever gets None for an event that was not old news remembers its sequence (`heard`). What is
to be told on the channels is stored with the notification (`pending`), so that a crash between storing and telling
tells later instead of never.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from schemas.expiry_events import ExpiryReported
from schemas.reasons import NotificationKind, NotificationState, Severity

REMINDER_DAYS: Final = (1, 3, 7)
"""Days after the opening; whoever did not react to three reminders does not to a fourth."""

KEPT_AFTER_RESOLVED: Final = timedelta(days=30)
"""How long a resolved notification can still be read; then its key is forgotten by a tombstone."""

ENDS_SOON: Final[frozenset[NotificationKind]] = frozenset({"client_secret_ends", "refresh_token_ends"})
"""Kinds whose reporter repeats itself at 30, 14, 7 and 1 days before the end: each step is news of its own."""

YELLOW: Final[frozenset[NotificationKind]] = ENDS_SOON | {
    "never_authorized",
    "testing_mode_app",
    "wrong_account",
    "quarantined_refresh_token",
    "shared_refresh_token",
    "client_secret_refused",
}
"""What can wait for office hours; everything else stops mail now or soon."""

Told = Literal["opened", "reminded", "resolved"]
"""What a channel is told."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One cause and how far people know of it."""

    cause: str
    kind: NotificationKind
    state: NotificationState
    name: str
    cure_id: str
    cure: str
    opened_at: datetime
    news_at: datetime
    """When something new was last told; reminders count from here."""
    source_sequence: int
    """Of the last event taken: an event with a lower or the same one is old news."""
    sequence: int
    """Of this notification, as published; rises with every write."""
    news_sequence: int = 1
    """The `sequence` at which something new was last told: an acknowledgement of an older one does not silence it."""
    config_id: str | None = None
    client: str | None = None
    text: str = ""
    count: int = 1
    ends_at: datetime | None = None
    reminders: int = 0
    reminded_at: datetime | None = None
    remind_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    resolved_at: datetime | None = None
    pending: Told | None = None
    """What the channels have not been told yet."""
    told_at: datetime | None = None
    """When the channels were last told; None = they know nothing of this occurrence."""

    @property
    def severity(self) -> Severity:
        """Return how urgent it is."""
        return severity(self.kind)


def severity(kind: NotificationKind) -> Severity:
    """Return how urgent a kind is."""
    return "yellow" if kind in YELLOW else "red"


def wanted(event: ExpiryReported) -> bool:
    """Tell whether anyone wants to hear of it: valid configs only, and the two kinds with a switch by their switch."""
    if event.validity != "valid":
        return False
    if event.kind == "expired_token":
        return event.notify_expired_token
    return event.notify_expired_refresh_token if event.kind == "expired_refresh_token" else True


def report(stored: Notification | None, event: ExpiryReported, heard: int = 0) -> Notification | None:
    """Return the notification after a report; None = nothing changes (old news, or nobody wants to hear of it).

    `heard` is the highest sequence of what was heard of this cause or its config without leaving a notification.
    """
    if event.sequence <= max(heard, 0 if stored is None else stored.source_sequence):
        return None
    if not wanted(event):
        return None if stored is None else _settle(stored, event.sequence, event.at)
    if stored is None or stored.state == "resolved":
        return _open(stored, event)
    return _again(stored, event)


def recover(stored: Notification, sequence: int, at: datetime) -> Notification | None:
    """Return the notification after its cause is gone; None = nothing changes."""
    return None if sequence <= stored.source_sequence else _settle(stored, sequence, at)


def acknowledge(stored: Notification, seen: int | None, actor: str, at: datetime) -> Notification | None:
    """Return it as acknowledged; None = the sender did not see the latest news.

    What is acknowledged or resolved already stays as it is.
    """
    if stored.state in {"acknowledged", "resolved"}:
        return stored
    if seen is not None and seen < stored.news_sequence:
        return None
    return replace(
        stored,
        state="acknowledged",
        acknowledged_at=at,
        acknowledged_by=actor,
        remind_at=None,
        pending=None,
        sequence=stored.sequence + 1,
    )


def remind(stored: Notification, now: datetime) -> Notification | None:
    """Return it with one reminder more; None = none is due. Reminders that a pause swallowed are not made up for."""
    if stored.remind_at is None or stored.remind_at > now or stored.state not in {"open", "reminded"}:
        return None
    passed = sum(stored.news_at + timedelta(days=days) <= now for days in REMINDER_DAYS)
    return replace(
        stored,
        state="reminded",
        reminders=stored.reminders + 1,
        reminded_at=now,
        remind_at=_reminder(stored.kind, stored.news_at, passed),
        pending="reminded",
        sequence=stored.sequence + 1,
    )


def forgettable(stored: Notification, now: datetime) -> bool:
    """Tell whether it was resolved long enough ago to be forgotten."""
    return stored.resolved_at is not None and stored.resolved_at + KEPT_AFTER_RESOLVED <= now


def _open(stored: Notification | None, event: ExpiryReported) -> Notification:
    sequence = 1 if stored is None else stored.sequence + 1
    return Notification(
        cause=event.cause,
        kind=event.kind,
        state="open",
        name=event.name,
        cure_id=event.cure_id,
        cure=event.cure,
        opened_at=event.at,
        news_at=event.at,
        source_sequence=event.sequence,
        sequence=sequence,
        news_sequence=sequence,
        config_id=event.config_id,
        client=event.client,
        text=event.text,
        count=event.count,
        ends_at=event.ends_at,
        remind_at=_reminder(event.kind, event.at, 0),
        pending="opened",
    )


def _again(stored: Notification, event: ExpiryReported) -> Notification:
    """Another report of an open cause: a number that grew is noted, a new step or another cure is told anew."""
    sequence = stored.sequence + 1
    noted = replace(
        stored,
        name=event.name,
        cure_id=event.cure_id,
        cure=event.cure,
        text=event.text,
        count=event.count,
        ends_at=event.ends_at,
        source_sequence=event.sequence,
        sequence=sequence,
    )
    if event.kind not in ENDS_SOON and event.cure_id == stored.cure_id:
        return noted
    return replace(
        noted,
        state="open",
        acknowledged_at=None,
        acknowledged_by=None,
        news_at=event.at,
        news_sequence=sequence,
        remind_at=_reminder(event.kind, event.at, 0),
        pending="opened",
    )


def _settle(stored: Notification, sequence: int, at: datetime) -> Notification | None:
    """Resolve what is open."""
    if stored.state == "resolved":
        return None
    return replace(
        stored,
        state="resolved",
        resolved_at=at,
        remind_at=None,
        source_sequence=sequence,
        sequence=stored.sequence + 1,
        # Whoever was never told that it broke is not told that it works.
        pending="resolved" if stored.told_at is not None else None,
    )


def _reminder(kind: NotificationKind, news_at: datetime, number: int) -> datetime | None:
    """Return when the reminder with this number, from 0, is due; None = there is none."""
    if kind in ENDS_SOON or number >= len(REMINDER_DAYS):
        return None
    return news_at + timedelta(days=REMINDER_DAYS[number])
