"""The turn that looks after time: reminders that are due, notifications resolved long enough ago to be forgotten."""

from typing import Final, get_args

from grantkeeper.bus.outbox import OutboxRelay
from grantkeeper.process.clock import Clock
from grantkeeper.process.metrics import Metrics
from schemas.reasons import Severity
from services.notifier.domain import KEPT_AFTER_RESOLVED, remind, severity
from services.notifier.store import NotificationStore

AT_ONCE: Final = 200
"""Notifications per turn: the next turn comes at once where there may be more."""


class Reminders:
    """One turn after another; safe in any number of processes: a write compares what it was decided on."""

    def __init__(
        self, store: NotificationStore, relay: OutboxRelay, *, clock: Clock, metrics: Metrics, interval: float
    ) -> None:
        self._store = store
        self._relay = relay
        self._clock = clock
        self._metrics = metrics
        self._interval = interval

    async def turn(self) -> float:
        """Remind, forget; return the seconds to wait."""
        now = self._clock.now()
        due = await self._store.to_remind_of(now, AT_ONCE)
        written = []
        for one in due:
            after = remind(one, now)
            if after is not None and (pending := await self._store.write(one, after, now)) is not None:
                written.append(pending)
                self._metrics.count("notifications", kind=one.kind, change="reminded")
        forgotten = await self._store.forget(now - KEPT_AFTER_RESOLVED, now, AT_ONCE)
        await self._relay.publish_now([*written, *forgotten])
        await self._count_open()
        return 0.0 if AT_ONCE in (len(due), len(forgotten)) else self._interval

    async def _count_open(self) -> None:
        numbers: dict[Severity, int] = dict.fromkeys(get_args(Severity), 0)
        for kind, count in (await self._store.unresolved()).items():
            numbers[severity(kind)] += count
        for urgency, count in numbers.items():
            self._metrics.set("notifications_open", count, severity=urgency)
