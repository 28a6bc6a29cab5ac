"""Ends claimed records without an answer of a provider: by time alone, or by a mistake of ours.

A mistake that was only logged would come back with every lease, unseen, and hammer the provider.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from grantkeeper.oauth2.errors import Failure, cure
from schemas.token_events import Happened
from services.refresher.domain.grant import broke_off, time_passed
from services.refresher.domain.record import EVERY_KIND, FORCED, Attempt, Record
from services.refresher.domain.schedule import share_of
from services.refresher.domain.serving import Refuse
from services.refresher.patience import Patience
from services.refresher.store import GrantStore
from services.refresher.storing import Ending, Storing
from services.refresher.telling import Telling

CURE: Final = "our-mistake"
TEXT: Final = "The attempt broke off by a mistake of Grantkeeper itself."


class Settling:
    """Writes such endings and answers who waited."""

    def __init__(self, store: GrantStore, storing: Storing, telling: Telling, patience: Patience) -> None:
        self._patience = patience
        self._store = store
        self._storing = storing
        self._telling = telling

    async def settle(self, claimed: Record) -> None:
        """Write the state; forced wishes that cannot be carried out are answered by it."""
        ending = Ending(time_passed, _happened(claimed, self._store.time.now()), FORCED)
        written = await self._storing.end(claimed, ending)
        if written is not None:
            await self._telling.ended(written, failed=True)

    async def broke_off(self, claimed: Record, *, sent: bool) -> None:
        """Store that an attempt ended by our mistake: it shows, waits longer each time, and goes on by itself.

        Every wish ends with it, since one of them may be what we cannot do. `sent`: a refresh token may have left.
        """
        newest = await self._newest(claimed)
        # The one that may have left is not the stored one any more where the answer's was stored by itself.
        doubtful = sent and newest.grant.generation == claimed.grant.generation
        mistake = Failure("transient_alarm", "grant", "internal_error", CURE, cure(CURE), TEXT)

        def transition(record: Record, now: datetime) -> Record:
            return broke_off(record, mistake, now, share_of(record.config_id), sent=doubtful)

        attempt = Attempt(self._store.time.now(), mistake.attempt_class, 0, mistake.code)
        ending = Ending(transition, "refresh_failed", EVERY_KIND, attempt=attempt)
        written = await self._storing.end(newest, ending)
        if written is not None:
            await self._telling.halted(written, Refuse("internal_error", TEXT))

    async def _newest(self, claimed: Record) -> Record:
        """Read what was stored under this lease before the attempt broke off; another's lease stays its own."""
        current = await self._patience.outlast(claimed.config_id, lambda: self._store.read(claimed.config_id))
        return claimed if current is None else replace(current, lease=claimed.lease)


def _happened(record: Record, now: datetime) -> Happened:
    """Name what time has changed."""
    if record.authorizing_until is not None and record.authorizing_until <= now:
        return "authorization_failed"
    return "config_changed" if record.grant.is_live(now) else "expired"
