"""The stop switch and the guard, as one process sees them: known at most half a second after they changed.

Told like everything else: state and notice are one write, published from the outbox of the document.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from grantkeeper.bus.cluster import Cluster
from grantkeeper.bus.outbox import OutboxRelay
from grantkeeper.mongo.outbox import Entry
from grantkeeper.process.clock import Clock, Ids
from grantkeeper.process.logging import get_logger
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.run import Loop
from schemas.envelope import Message
from schemas.expiry_events import ExpiryRecovered, ExpiryReported
from schemas.reasons import EngineHold, NotificationKind
from services.refresher.announce import entry
from services.refresher.database_time import DatabaseTime
from services.refresher.domain.engine import CURES, Engine, met, refusal, resumed, stopped
from services.refresher.domain.serving import Refuse
from services.refresher.engine_store import ID, EngineStore, engine_from

log = get_logger(__name__)

LOOK_EVERY: Final = 0.5
"""Seconds between two looks: a stop is obeyed by all refreshers within one second."""


class EngineSwitch:
    """A part of the process (start, stop, problems), started before anything is consumed."""

    def __init__(
        self,
        store: EngineStore,
        relay: OutboxRelay,
        cluster: Cluster,
        time: DatabaseTime,
        *,
        clock: Clock,
        ids: Ids,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._relay = relay
        self._cluster = cluster
        self._time = time
        self._ids = ids
        self._metrics = metrics
        self._engine = Engine()
        self._loop = Loop("engine", self._look, clock=clock, metrics=metrics)

    async def start(self) -> None:
        """Say on which bus this process is, learn whether it may send, and keep looking."""
        bus = self._cluster.name
        await self._change(lambda engine, _: met(engine, bus))
        await self._loop.start()

    async def stop(self) -> None:
        """Look no more."""
        await self._loop.stop()

    def problems(self) -> list[str]:
        """Say whether the switch is watched, and what the guard found."""
        found = self._loop.problems()
        if self.is_held():
            found.append("engine: this database met another Kafka cluster, nothing is refreshed until an admin resumes")
        return found

    @property
    def current(self) -> Engine:
        """What was read last."""
        return self._engine

    @property
    def held(self) -> EngineHold | None:
        """Why this process must not send, stopped or not."""
        return self._engine.held(self._cluster.name)

    def is_held(self) -> bool:
        """Tell whether the database is another bus's: what lies in it is left to who owns it."""
        return self.held is not None

    def refusal(self) -> Refuse | None:
        """Say why nothing is sent to providers; None = it may be."""
        return refusal(self._engine, self._cluster.name)

    async def stop_all(self, actor: str, command: str) -> None:
        """Stop all refreshers; a command that comes again changes nothing."""
        await self._change(lambda engine, now: stopped(engine, actor, now, command))

    async def resume_all(self, actor: str, command: str) -> None:
        """Let all refreshers on this bus go on."""
        bus = self._cluster.name
        log.warning("engine resumed", actor=actor, bus=bus)
        await self._change(lambda engine, _: resumed(engine, bus, command))

    async def _look(self) -> float:
        self._take(await self._store.read())
        return LOOK_EVERY

    async def _change(self, transition: Callable[[Engine, datetime], Engine]) -> None:
        while True:
            before, now = await self._store.read(), self._time.now()
            after = transition(before, now)
            if after == before:
                self._take(before)
                return
            pending = await self._store.write(before, after, _news(before, after, now, self._ids), now)
            if pending is not None:
                await self._relay.publish_now([pending])
                await self._look()
                return

    def _take(self, engine: Engine) -> None:
        self._engine = engine
        halted = self.refusal()
        self._metrics.set("engine_stopped", 0 if halted is None else 1)


class CurrentEngine:
    """Tells the whole state again, where an older one may have been published after a newer one."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    def __call__(self, document: Mapping[str, Any]) -> Sequence[Entry]:
        """Make the entries of the current state."""
        engine = engine_from(dict(document))
        causes = engine.open_causes()
        over = tuple(kind for kind in CURES if kind not in causes)
        return _entries(engine.sequence, causes, over, document["changed_at"], self._ids)


def _news(before: Engine, after: Engine, now: datetime, ids: Ids) -> list[Entry]:
    was, is_open = before.open_causes(), after.open_causes()
    begun = tuple(kind for kind in is_open if kind not in was)
    over = tuple(kind for kind in was if kind not in is_open)
    return _entries(before.sequence + 1, begun, over, now, ids)


def _entries(
    sequence: int, begun: Sequence[NotificationKind], over: Sequence[NotificationKind], now: datetime, ids: Ids
) -> list[Entry]:
    messages: list[Message] = [
        ExpiryReported(
            cause=f"{ID}:{kind}", kind=kind, name=ID, cure_id=CURES[kind][0], cure=CURES[kind][1], at=now,
            sequence=sequence,
        )
        for kind in begun
    ]  # fmt: skip
    if over:
        causes = tuple(f"{ID}:{kind}" for kind in over)
        messages.append(ExpiryRecovered(causes=causes, at=now, sequence=sequence))
    return [entry(message, ids, ID, now) for message in messages]
