"""The database's clock, carried forward between reads by this machine's monotonic one.

Everything that is stored and compared is in the database's time, so that replicas with wrong wall clocks agree. Every
read brings `$$NOW` along; in between only the difference of a monotonic clock is added, which no step of a wall clock
can disturb, nor a sleep of the machine.
"""

from datetime import datetime, timedelta

from grantkeeper.process.clock import Clock


class DatabaseTime:
    """The last known time of the database and when that was, here."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: datetime | None = None
        self._at = 0.0

    def observe(self, now: datetime) -> None:
        """Take what the database said just now."""
        self._seen, self._at = now, self._clock.monotonic()

    def now(self) -> datetime:
        """Return the database's time; LookupError before anything was read from it."""
        if self._seen is None:
            raise LookupError("nothing was read from the database yet")
        # BSON keeps milliseconds: what is computed here must equal what is read back.
        elapsed = int((self._clock.monotonic() - self._at) * 1000)
        return self._seen + timedelta(milliseconds=elapsed)
