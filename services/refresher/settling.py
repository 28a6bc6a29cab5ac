"""Writes what time alone has changed about a record, where nothing is to be sent."""

from datetime import datetime

from schemas.token_events import Happened
from services.refresher.domain.grant import time_passed
from services.refresher.domain.record import FORCED, Record
from services.refresher.store import GrantStore
from services.refresher.storing import Ending, Storing
from services.refresher.telling import Telling


class Settling:
    """Ends claimed records without a call."""

    def __init__(self, store: GrantStore, storing: Storing, telling: Telling) -> None:
        self._store = store
        self._storing = storing
        self._telling = telling

    async def settle(self, claimed: Record) -> None:
        """Write the state; forced wishes that cannot be carried out are answered by it."""
        ending = Ending(time_passed, _happened(claimed, self._store.time.now()), FORCED)
        written = await self._storing.end(claimed, ending)
        if written is not None:
            await self._telling.ended(written, failed=True)


def _happened(record: Record, now: datetime) -> Happened:
    """Name what time has changed."""
    if record.authorizing_until is not None and record.authorizing_until <= now:
        return "authorization_failed"
    return "config_changed" if record.grant.is_live(now) else "expired"
