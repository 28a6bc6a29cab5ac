"""From a transition to what is stored and told: settles the record, writes the events it causes as outbox entries."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from grantkeeper.mongo.outbox import Entry
from grantkeeper.process.clock import Ids
from schemas.envelope import Message
from schemas.token_events import Happened, TokenChanged
from schemas.token_status import TokenStatus
from services.refresher.document import from_document
from services.refresher.domain.expiry import expiry_events
from services.refresher.domain.grant import settled
from services.refresher.domain.record import Grant, Record
from services.refresher.domain.schedule import next_refresh_at
from services.refresher.domain.status import token_status


def announced(
    before: Record | None,
    after: Record,
    *,
    now: datetime,
    happened: Happened,
    ids: Ids,
    actor: str | None = None,
    client_faulty: bool = False,
    untried: str = "",
) -> tuple[Record, list[Entry]]:
    """Settle a transition; an event goes out only where something has changed for those who read it."""
    record = settled(after, now)
    known = {} if before is None else before.told
    told, events = expiry_events(known, record, now, client_faulty=client_faulty, untried=untried)
    record = replace(record, told=told)
    entries = [entry(event, ids, record.config_id, now) for event in events]
    if before is None or _differs(before, record):
        changed = TokenChanged(happened=happened, actor=actor, status=status_of(record))
        entries.insert(0, entry(changed, ids, record.config_id, now))
    return record, entries


def status_of(record: Record, *, client_faulty: bool = False) -> TokenStatus:
    """Make a record's public state."""
    upcoming = next_refresh_at(record, record.changed_at)
    return token_status(record, next_refresh_at=upcoming, client_faulty=client_faulty)


def _differs(before: Record, after: Record) -> bool:
    """Tell whether more has changed than the stamps of the public state, or what stands beside it."""
    if _beside(before.grant) != _beside(after.grant):
        return True
    stamps = {"sequence": after.sequence, "changed_at": after.changed_at}
    return status_of(before).model_copy(update=stamps) != status_of(after)


def _beside(grant: Grant) -> tuple[object, ...]:
    """Return what is told of though the public state does not show it."""
    return grant.generation, grant.quarantine, grant.shared_with


def entry(message: Message, ids: Ids, key: str, now: datetime) -> Entry:
    """Write a message as an outbox entry."""
    return Entry(
        id=ids.uuid7(),
        topic=message.TOPIC,
        type=message.TYPE,
        key=key,
        time=now,
        value=message.model_dump_json(exclude_none=True),
        subject=key,
    )


class CurrentState:
    """Tells a document's whole public state again, where an older one may have been published after a newer one."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    def __call__(self, document: Mapping[str, Any]) -> Sequence[Entry]:
        """Make the entry of the current state."""
        record = from_document(document)
        message = TokenChanged(happened="reported", status=status_of(record))
        return [entry(message, self._ids, record.config_id, record.changed_at)]
