"""One attempt: does what a claimed record calls for; whoever does it stores the outcome and answers who waited.

The lease is the write-ahead: it is checked just before sending and never renewed. An attempt that comes too late gives
the lease back unused.
"""

from datetime import datetime

from grantkeeper.process.clock import Clock
from grantkeeper.process.logging import get_logger
from schemas.token_events import Happened
from services.refresher.domain.grant import time_passed
from services.refresher.domain.record import FORCED, Record
from services.refresher.domain.schedule import Call, ExchangeCode, Mint, Purge, Refresh, Revoke, Settle, plan
from services.refresher.ending import GrantEnding
from services.refresher.login import LoginExchange
from services.refresher.provider_calls import POST_TIMEOUT, STORING, TooLate
from services.refresher.renewal import Renewal
from services.refresher.slots import Slot, Slots
from services.refresher.store import LEASE_SECONDS, GrantStore
from services.refresher.storing import Ending, Storing
from services.refresher.telling import Telling

log = get_logger(__name__)


class Attempts:
    """Carries out claimed records, one at a time each."""

    def __init__(
        self,
        store: GrantStore,
        renewal: Renewal,
        login: LoginExchange,
        grant_ending: GrantEnding,
        storing: Storing,
        telling: Telling,
        slots: Slots,
        clock: Clock,
    ) -> None:
        self._store = store
        self._renewal = renewal
        self._login = login
        self._grant_ending = grant_ending
        self._storing = storing
        self._telling = telling
        self._slots = slots
        self._clock = clock

    async def run(self, claimed: Record, claimed_at: float) -> None:
        """Work on one record; `claimed_at` is the monotonic time at which the claim was sent."""
        action = plan(claimed, self._store.time.now())
        if isinstance(action, Settle):
            await self._settle(claimed)
            return
        send_by = claimed_at + LEASE_SECONDS - POST_TIMEOUT - STORING
        async with self._slots.slot(claimed.client) as slot:
            try:
                await self._call(claimed, action, send_by, slot)
            except TooLate:
                log.warning("lease given back unused", config_id=claimed.config_id)
                await self._store.release(claimed)

    async def _call(self, claimed: Record, action: Call, send_by: float, slot: Slot) -> None:
        if self._clock.monotonic() > send_by:
            raise TooLate
        match action:
            case Refresh() | Mint():
                await self._renewal.renew(claimed, action, send_by, slot.free)
            case ExchangeCode(wish):
                await self._login.exchange(claimed, wish, send_by)
            case Revoke(wish):
                await self._grant_ending.revoke(claimed, wish, send_by)
            case Purge():
                await self._grant_ending.purge(claimed, send_by)

    async def _settle(self, claimed: Record) -> None:
        """Write what time alone has changed; forced wishes that cannot be carried out are answered by the state."""
        written = await self._storing.end(
            claimed, Ending(time_passed, _happened(claimed, self._store.time.now()), FORCED)
        )
        if written is not None:
            await self._telling.ended(written, failed=True)


def _happened(record: Record, now: datetime) -> Happened:
    """Name what time has changed."""
    if record.authorizing_until is not None and record.authorizing_until <= now:
        return "authorization_failed"
    return "config_changed" if record.grant.is_live(now) else "expired"
