"""What is told of clients: their state on `token.events`, their faults and refused secrets on `expiry.events`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from grantkeeper.mongo.outbox import Entry
from grantkeeper.oauth2.errors import Failure
from grantkeeper.process.clock import Ids
from schemas.expiry_events import ExpiryRecovered, ExpiryReported
from schemas.reasons import NotificationKind
from schemas.token_events import ClientChanged
from services.refresher.announce import entry
from services.refresher.client_store import Client, Fault, client_from

CURE_ID: Final = "check-newest-secret"
CURE: Final = (
    "Compare the client secret that was entered last with the app registration at the provider, and enter it again "
    "before the one before it ends."
)


def fault_events(client: Client, fault: Fault, users: int, now: datetime, ids: Ids) -> list[Entry]:
    """Tell that a client is paused, once for all its token configs."""
    reported = _reported(client, "client_fault", fault, now, count=max(users, 1))
    return [entry(message, ids, client.hash, now) for message in (_changed(client, users, now), reported)]


def breaker_event(client: Client, users: int, now: datetime, ids: Ids) -> Entry:
    """Tell that a client's breaker has opened; how often it opens again before it is closed is told to nobody."""
    return entry(_changed(client, users, now), ids, client.hash, now)


def recovery_events(client: Client, users: int, now: datetime, ids: Ids) -> list[Entry]:
    """Tell that a client that was paused, by its fault or by its breaker, is well again."""
    well = entry(_changed(replace(client, fault=None, openings=0), users, now), ids, client.hash, now)
    return [well] if client.fault is None else [well, recovered(client, "client_fault", now, ids)]


def secret_refused_event(client: Client, why: Failure, now: datetime, ids: Ids) -> Entry:
    """Tell that the newest client secret does not work while the one before does."""
    fault = Fault(why.attempt_class, why.code, why.text, CURE_ID, CURE, now)
    return entry(_reported(client, "client_secret_refused", fault, now), ids, client.hash, now)


def recovered(client: Client, kind: NotificationKind, now: datetime, ids: Ids) -> Entry:
    """Tell that a cause is gone."""
    causes = (f"client:{client.hash}:{kind}",)
    message = ExpiryRecovered(causes=causes, client=client.hash, at=now, sequence=client.sequence + 1)
    return entry(message, ids, client.hash, now)


class CurrentClient:
    """Tells a client's whole state again, where an older one may have been published after a newer one."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    def __call__(self, document: Mapping[str, Any]) -> Sequence[Entry]:
        """Make the entry of the current state; the number of its tokens is told with the next change."""
        client = client_from(document)
        now = document["changed_at"]
        return [entry(_changed(replace(client, sequence=client.sequence - 1), 0, now), self._ids, client.hash, now)]


def _reported(client: Client, kind: NotificationKind, fault: Fault, now: datetime, *, count: int = 1) -> ExpiryReported:
    return ExpiryReported(
        cause=f"client:{client.hash}:{kind}",
        kind=kind,
        client=client.hash,
        name=client.client_id or client.server,
        cure_id=fault.cure_id,
        cure=fault.cure,
        text=fault.text,
        at=now,
        count=count,
        sequence=client.sequence + 1,
    )


def _changed(client: Client, users: int, now: datetime) -> ClientChanged:
    fault = client.fault
    return ClientChanged(
        client=client.hash,
        client_id=client.client_id,
        server=client.server,
        ok=fault is None,
        left_alone=client.openings > 0,
        tokens=users,
        meaning=None if fault is None else fault.meaning,
        code=None if fault is None else fault.code,
        text="" if fault is None else fault.text,
        cure_id=None if fault is None else fault.cure_id,
        cure=None if fault is None else fault.cure,
        sequence=client.sequence + 1,
        changed_at=now,
    )
