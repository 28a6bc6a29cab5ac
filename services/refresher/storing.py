"""Stores how an attempt ended, whatever happens meanwhile, and tells everybody.

A success compares `{_id, generation}` alone: a change of the config, a waiter, even a lost lease cannot make it drop. A
failure also needs the lease. Each write is computed from the newest document and repeated on a newer one. While MongoDB
is away the result is kept in memory and tried again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from grantkeeper.bus.outbox import OutboxRelay
from grantkeeper.process.clock import Ids
from grantkeeper.process.failpoints import Failpoints
from grantkeeper.process.logging import get_logger
from schemas.token_events import Happened
from services.refresher.announce import announced
from services.refresher.batch_store import BatchWrites
from services.refresher.clients import Clients
from services.refresher.domain.grant import quarantined, tries_again_at_once, with_attempt
from services.refresher.domain.record import Attempt, Record, WishKind
from services.refresher.patience import Patience
from services.refresher.store import GrantStore, Written

log = get_logger(__name__)

Transition = Callable[[Record, datetime], Record]


@dataclass(frozen=True, slots=True)
class Brought:
    """The refresh token of an answer, encrypted, where there is one."""

    refresh_token: str | None = field(default=None, repr=False)
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended."""

    transition: Transition
    happened: Happened
    settles: frozenset[WishKind] = frozenset()
    """Kinds of wishes that are done with it, unless the attempt goes on at once."""
    wish: str | None = None
    """Or the one wish that is."""
    brought: Brought | None = None
    """What must not be lost; an ending that brought nothing needs the lease."""
    attempt: Attempt | None = None
    """For the history."""
    actor: str | None = None
    is_aside: bool = False
    """It was overtaken: the attempt of the other generation answers."""


def ended(claimed: Record, current: Record, ending: Ending, now: datetime) -> Record:
    """Apply an ending to the newest state: transition, history, what is done with it, and the lease if it is held."""
    after = ending.transition(current, now)
    if ending.attempt is not None:
        after = with_attempt(after, ending.attempt)
    settles = frozenset[WishKind]() if tries_again_at_once(after) else ending.settles
    wishes = tuple(
        wish
        for wish in after.wishes
        if wish.kind not in settles and wish.id != ending.wish and not wish.is_overtaken(after.grant)
    )
    after = replace(after, wishes=wishes)
    if not _same_lease(current, claimed):
        return after
    return replace(after, lease=None, waiters=() if answers_waiters(ending, after) else after.waiters)


def answers_waiters(ending: Ending, after: Record) -> bool:
    """Tell whether who waits is answered now; else the next attempt does."""
    return not ending.is_aside and not tries_again_at_once(after)


def applicable(claimed: Record, current: Record, ending: Ending) -> Ending | None:
    """Return what is to be stored of an ending that meets this state; None = nothing, it does not count any more.

    A success that meets another generation is never dropped, however often it does: its refresh token is put aside.
    """
    if current.grant.generation == claimed.grant.generation:
        return ending if ending.brought is not None or _same_lease(current, claimed) else None
    brought = ending.brought
    kept, fingerprint = (None, None) if brought is None else (brought.refresh_token, brought.fingerprint)
    if kept is None or fingerprint is None or current.grant.holds(fingerprint):
        return None
    generation = claimed.grant.generation + 1

    def keep(record: Record, now: datetime) -> Record:
        return quarantined(record, kept, fingerprint, generation, now)

    return replace(ending, transition=keep, happened="quarantined", settles=frozenset(), is_aside=True)


class Storing:
    """Ends attempts in the store."""

    def __init__(
        self,
        store: GrantStore,
        clients: Clients,
        relay: OutboxRelay,
        patience: Patience,
        *,
        ids: Ids,
        failpoints: Failpoints,
    ) -> None:
        self._store = store
        self._batches = BatchWrites(store)
        self._clients = clients
        self._relay = relay
        self._patience = patience
        self._ids = ids
        self._failpoints = failpoints
        self.replaced: set[str] = set()
        """Fingerprints of the refresh tokens that came in the place of others here, until sharing.py has looked."""

    async def end(self, claimed: Record, ending: Ending) -> Written | None:
        """Store an ending and publish its events; None where it does not count (any more)."""
        current: Record | None = claimed
        while current is not None:
            now_ending = applicable(claimed, current, ending)
            if now_ending is not ending:
                log.warning("attempt was overtaken", config_id=claimed.config_id, generation=current.grant.generation)
            if now_ending is None:
                await self._patience.outlast(claimed.config_id, lambda: self._store.release(claimed))
                return None
            written = await self._write(claimed, current, now_ending)
            if written is not None:
                self._note(claimed, written)
                await self._failpoints.reach("refresher.stored")
                await self._relay.publish_now([written.pending])
                return None if now_ending.is_aside else written
            current = await self._read(claimed.config_id)
        return None

    def _note(self, claimed: Record, written: Written) -> None:
        fingerprint = written.record.grant.fingerprint
        if fingerprint is not None and fingerprint != claimed.grant.fingerprint:
            self.replaced.add(fingerprint)

    async def change(self, config_id: str, transition: Transition, happened: Happened, actor: str | None) -> None:
        """Store a transition that is no attempt, in whatever state the record is, and publish its events."""
        while (current := await self._store.read(config_id)) is not None:
            now = self._store.time.now()
            faulty = self._clients.is_faulty(current.client)
            after, entries = announced(
                current,
                transition(current, now),
                now=now,
                happened=happened,
                ids=self._ids,
                actor=actor,
                client_faulty=faulty,
            )
            written = await self._store.write(current, after, entries)
            if written is not None:
                await self._relay.publish_now([written.pending])
                return

    async def _write(self, claimed: Record, current: Record, ending: Ending) -> Written | None:
        now = self._store.time.now()
        after, entries = announced(
            current,
            ended(claimed, current, ending, now),
            now=now,
            happened=ending.happened,
            ids=self._ids,
            actor=ending.actor,
            client_faulty=self._clients.is_faulty(current.client),
        )
        if claimed.lease is None or not _same_lease(current, claimed):
            return await self._patience.outlast(claimed.config_id, lambda: self._store.write(current, after, entries))
        lease, answers, mark = claimed.lease.token, answers_waiters(ending, after), self._ids.token(9)
        return await self._patience.outlast(
            claimed.config_id,
            lambda: self._batches.end(current, after, entries, lease=lease, answers_waiters=answers, mark=mark),
        )

    async def _read(self, config_id: str) -> Record | None:
        return await self._patience.outlast(config_id, lambda: self._store.read(config_id))


def _same_lease(current: Record, claimed: Record) -> bool:
    return current.lease is not None and claimed.lease is not None and current.lease.token == claimed.lease.token
