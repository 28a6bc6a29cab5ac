"""Topic `expiry.events`: each event opens, notes or settles notifications; twice or out of order it changes nothing."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from grantkeeper.bus.errors import Unavailable
from grantkeeper.bus.outbox import OutboxRelay
from grantkeeper.bus.received import ReceivedEvent
from grantkeeper.process.clock import Clock
from grantkeeper.process.failpoints import Failpoints
from grantkeeper.process.metrics import Metrics
from schemas.expiry_events import ConfigWentOff, ExpiryRecovered, ExpiryReported
from services.notifier.domain import Notification, recover, report
from services.notifier.store import NotificationStore

TRIES: Final = 10
"""Decisions on one notification that others outran; more means that something else is wrong."""

Decide = Callable[[Notification | None, int], Notification | None]
"""Takes what is stored and the highest sequence heard without a notification."""


class ExpiryEvents:
    """The handler of the topic."""

    def __init__(
        self, store: NotificationStore, relay: OutboxRelay, *, clock: Clock, metrics: Metrics, failpoints: Failpoints
    ) -> None:
        self._store = store
        self._relay = relay
        self._clock = clock
        self._metrics = metrics
        self._failpoints = failpoints

    async def handle(self, received: ReceivedEvent) -> None:
        """Take one event."""
        match received.message:
            case ExpiryReported() as event:
                await self._change(event.cause, event.config_id, event.sequence, event.at, partial(_report, event))
            case ExpiryRecovered() as event:
                for cause in event.causes:
                    await self._change(cause, event.config_id, event.sequence, event.at, partial(_recover, event))
            case ConfigWentOff() as event:
                await self._went_off(event)
            case _:
                return  # a tombstone: this topic's messages go by time

    async def _went_off(self, event: ConfigWentOff) -> None:
        """Settle all that is open for a config, and let nothing older open again."""
        await self._store.hear(event.config_id, event.sequence, event.at)
        for cause in await self._store.causes_of(event.config_id):
            await self._change(cause, event.config_id, event.sequence, event.at, partial(_recover, event))

    async def _change(self, cause: str, config_id: str | None, sequence: int, at: datetime, decide: Decide) -> None:
        for _ in range(TRIES):
            heard = await self._store.heard(cause, config_id)
            before = await self._store.get(cause)
            after = decide(before, heard)
            if after is None:
                if sequence > heard:
                    await self._store.hear(cause, sequence, at)
                return
            pending = await self._store.write(before, after, self._clock.now())
            if pending is not None:
                await self._failpoints.reach("notifier.stored")
                await self._relay.publish_now([pending])
                self._count(before, after)
                return
        raise Unavailable(f"MongoDB: others were faster {TRIES} times")

    def _count(self, before: Notification | None, after: Notification) -> None:
        if before is None or before.state != after.state:
            change = "opened" if after.state == "open" else after.state
            self._metrics.count("notifications", kind=after.kind, change=change)


def _report(event: ExpiryReported, stored: Notification | None, heard: int) -> Notification | None:
    return report(stored, event, heard)


def _recover(event: ExpiryRecovered | ConfigWentOff, stored: Notification | None, _heard: int) -> Notification | None:
    return None if stored is None else recover(stored, event.sequence, event.at)
