"""Keeps a refresh token whatever happens: from a provider's answer on nothing but the end of the process may lose it.

One that came without an access token is stored before anything else is done about its answer. One that came with an
access token is stored by itself where that answer cannot be dated, told or written: a mistake of ours costs the access
token and the event, never the login. It needs no more than one update of a few fields, tried again after every error.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from pydantic import SecretStr

from grantkeeper.process.logging import get_logger
from services.refresher.domain.grant import Straggler, quarantined, straggled
from services.refresher.domain.record import Record
from services.refresher.patience import Patience
from services.refresher.secrets_at_rest import Secrets
from services.refresher.store import GrantStore
from services.refresher.storing import Brought, Ending, applicable

log = get_logger(__name__)


class Keeping:
    """Stores refresh tokens and nothing else."""

    def __init__(self, store: GrantStore, secrets: Secrets, patience: Patience) -> None:
        self._store = store
        self._secrets = secrets
        self._patience = patience

    @asynccontextmanager
    async def holding(
        self, claimed: Record, refresh_token: SecretStr | None, *, aside: bool = False
    ) -> AsyncIterator[None]:
        """Keep it where what is done meanwhile, storing it included, breaks off by whatever error; raises that."""
        try:
            yield
        except Exception as error:
            log.error(  # noqa: TRY400 - whoever ends the attempt logs the trace
                "answer cannot be stored whole", config_id=claimed.config_id, error=type(error).__name__
            )
            await self.keep(claimed, refresh_token, aside=aside)
            raise

    async def keep(self, claimed: Record, refresh_token: SecretStr | None, *, aside: bool = False) -> Record:
        """Store it in the place of the one that was used, or `aside`; returns the record as it is then.

        A login's is put aside: it may be of another account or client than the grant.
        """
        if refresh_token is None:
            return claimed
        encrypted = self._secrets.keep_refresh_token(claimed.config_id, refresh_token)
        straggler = Straggler(encrypted, self._secrets.fingerprint(refresh_token), claimed.grant.falls_back)

        def transition(record: Record, now: datetime) -> Record:
            if aside:
                return quarantined(record, encrypted, straggler.fingerprint, record.grant.generation, now)
            return straggled(record, straggler)

        ending = Ending(transition, "reported", brought=Brought(encrypted, straggler.fingerprint))
        kept = await self._patience.outlast(claimed.config_id, lambda: self._keep(claimed, ending), Exception)
        # Who has lost the lease meanwhile must not end that of another attempt.
        return replace(kept, lease=claimed.lease)

    async def _keep(self, claimed: Record, ending: Ending) -> Record:
        current: Record | None = claimed
        while current is not None:
            fitting = applicable(claimed, current, ending)
            if fitting is None:
                return current
            after = fitting.transition(current, self._store.time.now())
            kept = await self._store.keep(current, after.grant)
            if kept is not None:
                log.warning("refresh token stored by itself", config_id=claimed.config_id)
                return kept
            current = await self._store.read(claimed.config_id)
        return claimed
