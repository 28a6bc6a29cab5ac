"""Writes anew what lies encrypted under an old entry of the vault ring, and counts what still needs which entry.

A pass walks all grants in the order of their ids; one that an attempt holds, or that others have just changed, is left
to the next pass. Client secrets are sealed by who typed them: they are counted, in token configs and where clients keep
them, and change when they are typed again.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from grantkeeper.crypto.at_rest import key_id
from grantkeeper.crypto.errors import DecryptionError
from grantkeeper.crypto.ring import VaultRing
from grantkeeper.process.logging import get_logger
from grantkeeper.process.metrics import Metrics
from grantkeeper_client import SealError, sealed_key_id
from schemas.token_requests import KeyUse
from services.refresher.client_store import ClientStore
from services.refresher.domain.encrypted import encrypted, renewed
from services.refresher.domain.record import Record
from services.refresher.engine import LOOK_EVERY
from services.refresher.secrets_at_rest import Secrets
from services.refresher.store import GrantStore

log = get_logger(__name__)

BATCH: Final = 50
"""Grants per turn: the loop that answers requests is kept for some milliseconds at most."""
BETWEEN: Final = 0.05
"""Seconds between two turns of a pass: a million grants take some twenty minutes."""
PASS_EVERY: Final = timedelta(days=1)
"""Nothing falls under an old entry by itself; a pass a day tells when the last one has left it."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many grants, and how many copies of client secrets, need which entry, as of the end of a pass."""

    at: datetime
    stored: Counter[str]
    sealed: Counter[str]


@dataclass(slots=True)
class _Pass:
    last: str = ""
    stored: Counter[str] = field(default_factory=Counter)
    sealed: Counter[str] = field(default_factory=Counter)


class Reencryption:
    """The turn of a background loop."""

    def __init__(
        self,
        store: GrantStore,
        clients: ClientStore,
        secrets: Secrets,
        ring: VaultRing,
        metrics: Metrics,
        is_held: Callable[[], bool],
    ) -> None:
        self._store = store
        self._clients = clients
        self._secrets = secrets
        self._ring = ring
        self._metrics = metrics
        self._is_held = is_held
        self._pass = _Pass()
        self.counted: Counted | None = None

    async def turn(self) -> float:
        """Work on the next grants; returns the seconds until the next turn. One entry alone leaves nothing to do."""
        if len(self._ring.entries) == 1:
            return PASS_EVERY.total_seconds()
        if self._is_held():
            return LOOK_EVERY  # who owns the database may not have the new entry, and could not read what it wrote
        found, last = await self._store.walk(self._pass.last, BATCH)
        for record in found:
            await self._take(record)
        if last is not None:
            self._pass.last = last
            return BETWEEN
        self._pass.sealed.update([_sealed_to(secret) for secret in await self._clients.kept_secrets()])
        self._end()
        return PASS_EVERY.total_seconds()

    def uses(self) -> tuple[KeyUse, ...]:
        """Tell what each entry is needed for; nothing before the first pass has ended."""
        if self.counted is None:
            return ()
        stored, sealed = self.counted.stored, self.counted.sealed
        entries = dict.fromkeys((*self._ring.entries, *stored, *sealed))
        return tuple(
            KeyUse(ring_id=one, current=one == self._ring.current, stored=stored[one], sealed=sealed[one])
            for one in entries
        )

    async def _take(self, record: Record) -> None:
        current = await self._renewed(record)
        self._pass.stored.update({_entry(value) for value in encrypted(current)})
        if current.secret is not None:
            self._pass.sealed[_sealed_to(current.secret)] += 1

    async def _renewed(self, record: Record) -> Record:
        old = [value for value in encrypted(record) if _entry(value) != self._ring.current]
        if not old or record.lease is not None:
            return record
        try:
            after = renewed(record, lambda value, name: self._secrets.renewed(record.config_id, name, value))
        except DecryptionError as error:
            log.warning("stays under an old key", config_id=record.config_id, error=str(error))
            return record
        return after if await self._store.write(record, after, ()) is not None else record

    def _end(self) -> None:
        done, self._pass = self._pass, _Pass()
        self.counted = Counted(self._store.time.now(), done.stored, done.sealed)
        old = {ring_id: number for ring_id, number in done.stored.items() if ring_id != self._ring.current}
        self._metrics.set("grants_under_old_keys", sum(old.values()))
        log.info("encrypted values counted", stored=dict(done.stored), sealed=dict(done.sealed))


def _entry(value: str) -> str:
    try:
        return key_id(value)
    except DecryptionError:
        return "?"


def _sealed_to(secret: str) -> str:
    try:
        return sealed_key_id(secret)
    except SealError:
        return "?"
