"""Puts wishes into records: what an admin or a mail module wants of the provider is done by the attempt loop.

Every wish names the generation it means (a login names its state), so that one which comes twice, or late, does not act
twice. Whoever asks for a wish that is there already waits with the others, as long as there is room.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from grantkeeper.bus.outbox import OutboxRelay
from grantkeeper.process.clock import Ids
from services.refresher.announce import announced
from services.refresher.clients import Clients
from services.refresher.domain.record import Record, Wish
from services.refresher.domain.serving import WAITERS_MAX, Refuse
from services.refresher.engine import EngineSwitch
from services.refresher.store import GrantStore

Check = Callable[[Record, datetime], Refuse | None]
"""Refuses a wish by the record as it is; None = it may be made."""
AGAIN_IN: Final = 1.0
"""Seconds after which somebody for whom there was no room may ask again."""


class Wishes:
    """Adds wishes, each with who asked for it."""

    def __init__(self, store: GrantStore, clients: Clients, engine: EngineSwitch, relay: OutboxRelay, ids: Ids) -> None:
        self._store = store
        self._engine = engine
        self._clients = clients
        self._relay = relay
        self._ids = ids

    async def add(self, record: Record, wish: Wish, check: Check) -> Refuse | None:
        """Store the wish in the newest state of a record that `check` accepts; returns why not."""
        current: Record | None = record
        while current is not None:
            refusal = check(current, self._store.time.now()) or self._engine.refusal()
            if refusal is not None:
                return refusal
            now = self._store.time.now()
            wishes = joined(current.wishes, wish, now)
            if wishes is None:
                return Refuse("retry_later", "too many wait for this already: ask again", AGAIN_IN)
            wished = replace(current, wishes=wishes)
            faulty = self._clients.is_faulty(current.client)
            after, entries = announced(
                current, wished, now=now, happened="config_changed", ids=self._ids, client_faulty=faulty
            )
            written = await self._store.write(current, after, entries)
            if written is not None:
                if written.pending.entries:
                    await self._relay.publish_now([written.pending])
                return None
            current = await self._store.read(record.config_id)
        return Refuse("not_found", "the token config was removed meanwhile")


def waiter_id(sender: str, message_id: str) -> str:
    """Name one question of one sender."""
    return f"{sender}:{message_id}"


def joined(wishes: tuple[Wish, ...], wish: Wish, now: datetime) -> tuple[Wish, ...] | None:
    """Add a wish, or its askers to the same one that is there; None where there is no room for them.

    Who does not listen any more makes room: a document must not grow with the number of its askers.
    """
    known = next((other for other in wishes if other.id == wish.id), None)
    if known is None:
        return (*wishes, wish)
    ids = {asker.id for asker in wish.askers}
    others = (asker for asker in known.askers if asker.id not in ids and not asker.is_gone(now))
    both = replace(known, askers=(*others, *wish.askers))
    if len(both.askers) > WAITERS_MAX:
        return None
    return tuple(both if other.id == wish.id else other for other in wishes)
