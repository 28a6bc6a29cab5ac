"""Whether anything may be sent to providers at all: the stop switch, and the guard against a second installation.

A database that was cloned or restored holds refresh tokens which another installation uses too: a strict provider ends
a grant that two use. The clone meets another Kafka cluster, or another prefix, than the database was last used with;
then nothing is sent until an admin confirms that this is the one that counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from schemas.reasons import EngineHold, NotificationKind
from services.refresher.domain.record import Record
from services.refresher.domain.serving import Refuse

HEARD_MAX: Final = 50
"""Commands remembered by id: an asker repeats one for some seconds, and a repeated stop must not undo a resume."""


CURES: Final[Mapping[NotificationKind, tuple[str, str]]] = MappingProxyType(
    {
        "another_cluster": (
            "confirm-cluster",
            "Make sure that no other installation refreshes these grants, then resume the engine: only one may.",
        ),
        "engine_stopped": (
            "resume-engine",
            "Resume the engine when the reason is gone: access tokens end meanwhile, and none is renewed.",
        ),
    }
)
"""Cure id and sentence of each cause."""


@dataclass(frozen=True, slots=True)
class Engine:
    """The one document that all refreshers obey."""

    bus: str | None = None
    """Kafka cluster and prefix that this database belongs to; None before the first start."""
    stranger: str | None = None
    """Another one that met this database and is not confirmed."""
    stopped_by: str | None = None
    stopped_at: datetime | None = None
    heard: tuple[str, ...] = ()
    """Ids of the commands that were carried out."""
    sequence: int = 0

    def held(self, bus: str) -> EngineHold | None:
        """Tell why a process on this bus must not send, stopped or not."""
        return "another_cluster" if self.bus != bus else None

    def open_causes(self) -> tuple[NotificationKind, ...]:
        """Return what an admin has to act on."""
        causes: dict[NotificationKind, bool] = {
            "another_cluster": self.stranger is not None,
            "engine_stopped": self.stopped_at is not None,
        }
        return tuple(kind for kind, is_open in causes.items() if is_open)


def met(engine: Engine, bus: str) -> Engine:
    """Take the start of a process on this bus: the first one ever names the owner."""
    if engine.bus is None:
        return replace(engine, bus=bus)
    return engine if engine.bus == bus else replace(engine, stranger=bus)


def stopped(engine: Engine, actor: str, now: datetime, command: str) -> Engine:
    """Take a stop; who stopped first stays on record."""
    if command in engine.heard:
        return engine
    told = replace(engine, heard=_heard(engine, command))
    return told if engine.stopped_at is not None else replace(told, stopped_by=actor, stopped_at=now)


def resumed(engine: Engine, bus: str, command: str) -> Engine:
    """Take a resume: the database belongs to the bus that brought it."""
    if command in engine.heard:
        return engine
    return Engine(bus=bus, heard=_heard(engine, command), sequence=engine.sequence)


def passed_over(record: Record, now: datetime) -> Record:
    """Leave a record as it is; a second try that was to come at once comes after the stop instead."""
    return replace(record, not_before=record.not_before or now)


def refusal(engine: Engine, bus: str) -> Refuse | None:
    """Say why nothing is sent; None = it may be."""
    if engine.held(bus) is not None:
        return Refuse("stopped", "this database met another Kafka cluster: nothing is sent until an admin resumes")
    if engine.stopped_at is not None:
        return Refuse(
            "stopped", f"refreshing was stopped by {engine.stopped_by}: nothing is sent until an admin resumes"
        )
    return None


def _heard(engine: Engine, command: str) -> tuple[str, ...]:
    return (*engine.heard, command)[-HEARD_MAX:]
