"""Topic `notification.commands`: list and acknowledge. No inbox: doing either twice is doing it once."""

from typing import Final

from grantkeeper.bus.errors import Unavailable
from grantkeeper.bus.outbox import OutboxRelay
from grantkeeper.bus.received import Received
from grantkeeper.bus.reply import Replier, failure, success
from grantkeeper.process.clock import Clock
from grantkeeper.process.failpoints import Failpoints
from grantkeeper.process.metrics import Metrics
from schemas.envelope import Model
from schemas.notification_commands import (
    NotificationAcknowledge,
    NotificationList,
    NotificationPage,
    NotificationView,
)
from schemas.replies import Detail, Reply
from services.notifier.domain import acknowledge
from services.notifier.store import NotificationStore, Say

TRIES: Final = 10
"""Decisions on one notification that others outran; more means that something else is wrong."""


class NotificationCommands:
    """The handler of the topic."""

    def __init__(
        self,
        store: NotificationStore,
        say: Say,
        relay: OutboxRelay,
        replier: Replier,
        *,
        clock: Clock,
        metrics: Metrics,
        failpoints: Failpoints,
    ) -> None:
        self._store = store
        self._say = say
        self._relay = relay
        self._replier = replier
        self._clock = clock
        self._metrics = metrics
        self._failpoints = failpoints

    async def handle(self, received: Received) -> None:
        """Take one command."""
        match received.message:
            case NotificationList() as command:
                reply = await self._list(command)
            case NotificationAcknowledge() as command:
                reply = await self._acknowledge(command, received.actor)
            case other:
                raise TypeError(f"{type(other).__name__} is no command of this topic")
        await self._replier.many([(received, reply)])

    async def _list(self, command: NotificationList) -> Reply:
        found, total = await self._store.page(command.states, command.offset, command.limit)
        return _result(NotificationPage(notifications=tuple(map(self._say, found)), total=total))

    async def _acknowledge(self, command: NotificationAcknowledge, actor: str) -> Reply:
        for _ in range(TRIES):
            before = await self._store.get(command.cause)
            if before is None:
                return _unknown(command.cause)
            now = self._clock.now()
            after = acknowledge(before, command.sequence, actor, now)
            if after is None:
                return _newer(before.sequence)
            if after is before:
                return _result(NotificationView(notification=self._say(before)))
            pending = await self._store.write(before, after, now)
            if pending is not None:
                await self._failpoints.reach("notifier.acknowledged")
                await self._relay.publish_now([pending])
                self._metrics.count("notifications", kind=after.kind, change="acknowledged")
                return _result(NotificationView(notification=self._say(after)))
        raise Unavailable(f"MongoDB: others were faster {TRIES} times")


def _result(model: Model) -> Reply:
    return success(model.model_dump(mode="json"))


def _unknown(cause: str) -> Reply:
    detail = Detail(field="cause", problem="no such notification", cure="List the notifications and choose one.")
    return failure("not_found", f"There is no notification {cause!r}.", details=(detail,))


def _newer(sequence: int) -> Reply:
    detail = Detail(field="sequence", problem="something new has happened since", cure="Read it again, then decide.")
    return failure(
        "revision_conflict", "A newer notice is not silenced.", details=(detail,), facts={"sequence": sequence}
    )
