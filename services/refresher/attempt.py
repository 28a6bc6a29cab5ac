"""One attempt: does what a claimed record calls for; whoever does it stores the outcome and answers who waited.

The lease is the write-ahead: it is checked just before sending and never renewed. An attempt that comes too late gives
the lease back unused.
"""

from grantkeeper.bus.errors import Unavailable
from grantkeeper.process.clock import Clock
from grantkeeper.process.logging import get_logger
from services.refresher.calling import POST_TIMEOUT, STORING, TooLate
from services.refresher.domain.record import Record
from services.refresher.domain.schedule import (
    Adopt,
    Call,
    ExchangeCode,
    Mint,
    PollDevice,
    Purge,
    Refresh,
    Revoke,
    Settle,
    StartDevice,
    StartLogin,
    plan,
)
from services.refresher.ending import GrantEnding
from services.refresher.halt import Halt
from services.refresher.leases import LEASE_SECONDS
from services.refresher.logins import Logins
from services.refresher.renewal import Renewal
from services.refresher.settling import Settling
from services.refresher.slots import Slot, Slots
from services.refresher.store import GrantStore

log = get_logger(__name__)


class Attempts:
    """Carries out claimed records, one at a time each."""

    def __init__(
        self,
        store: GrantStore,
        renewal: Renewal,
        logins: Logins,
        grant_ending: GrantEnding,
        settling: Settling,
        slots: Slots,
        halt: Halt,
        clock: Clock,
    ) -> None:
        self._store = store
        self._renewal = renewal
        self._logins = logins
        self._grant_ending = grant_ending
        self._settling = settling
        self._slots = slots
        self._halt = halt
        self._clock = clock

    async def run(self, claimed: Record, claimed_at: float) -> None:
        """Work on one record; `claimed_at` is the monotonic time at which the claim was sent.

        What is no outage is a mistake of ours: it is stored, then raised.
        """
        action = plan(claimed, self._store.time.now())
        try:
            if isinstance(action, Settle):
                await self._settling.settle(claimed)
            else:
                await self._send(claimed, action, claimed_at)
        except Unavailable:
            raise
        except Exception:
            await self._settling.broke_off(claimed, sent=isinstance(action, Refresh))
            raise

    async def _send(self, claimed: Record, action: Call, claimed_at: float) -> None:
        send_by = claimed_at + LEASE_SECONDS - POST_TIMEOUT - STORING
        async with self._slots.slot(claimed.client) as slot:
            try:
                await self._call(claimed, action, send_by, slot)
            except TooLate:
                log.warning("lease given back unused", config_id=claimed.config_id)
                await self._store.release(claimed)

    async def _call(self, claimed: Record, action: Call, send_by: float, slot: Slot) -> None:
        if self._clock.monotonic() > send_by or not self._slots.admits(claimed):
            raise TooLate
        if await self._halt.passes_over(claimed):
            return
        match action:
            case Refresh() | Mint():
                await self._renewal.renew(claimed, action, send_by, slot.free)
            case StartLogin() | ExchangeCode() | StartDevice() | PollDevice() | Adopt():
                await self._logins.attempt(claimed, action, send_by)
            case Revoke(wish):
                await self._grant_ending.revoke(claimed, wish, send_by)
            case Purge():
                await self._grant_ending.purge(claimed, send_by)
