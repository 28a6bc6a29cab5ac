"""Renews an access token: by the refresh token, or minted anew by the client's own credentials."""

from collections.abc import Callable
from datetime import datetime

from grantkeeper.oauth2.errors import Failure
from grantkeeper.oauth2.token_response import TokenResponse
from grantkeeper.process.clock import Ids
from grantkeeper.process.logging import get_logger
from schemas.token_events import Happened
from services.refresher.calling import Called
from services.refresher.clients import Clients
from services.refresher.domain.grant import failed, refreshed
from services.refresher.domain.record import FORCED, Record
from services.refresher.domain.schedule import Mint, Refresh
from services.refresher.issuing import Issuing
from services.refresher.keeping import Keeping
from services.refresher.provider_calls import ProviderCalls
from services.refresher.store import GrantStore
from services.refresher.storing import Brought, Ending, Storing
from services.refresher.telling import Telling

log = get_logger(__name__)


class Renewal:
    """One call for a new access token, and what follows."""

    def __init__(
        self,
        store: GrantStore,
        calls: ProviderCalls,
        clients: Clients,
        issuing: Issuing,
        storing: Storing,
        telling: Telling,
        keeping: Keeping,
        ids: Ids,
    ) -> None:
        self._store = store
        self._calls = calls
        self._clients = clients
        self._issuing = issuing
        self._storing = storing
        self._telling = telling
        self._keeping = keeping
        self._ids = ids

    async def renew(
        self, claimed: Record, action: Refresh | Mint, send_by: float, answered: Callable[[], None]
    ) -> None:
        """Call, store what came, answer who waited; raises TooLate."""
        call = self._calls.refresh if isinstance(action, Refresh) else self._calls.mint
        called = await call(claimed, send_by)
        if isinstance(called.outcome, TokenResponse):
            answered()
            await self._succeeded(claimed, called.outcome, called)
        else:
            kept = await self._keeping.keep(claimed, called.outcome.refresh_token)
            # First what it says of the client: who takes the slot next must know that the provider asked for patience.
            await self._clients.failed(kept, called.outcome)
            answered()
            await self._failed(kept, called.outcome, called)

    async def _succeeded(self, claimed: Record, response: TokenResponse, called: Called) -> None:
        authorized_at = claimed.grant.authorized_at
        async with self._keeping.holding(claimed, response.refresh_token):
            issued = self._issuing.issued(claimed, response, called.host, called.attempt.at, authorized_at)
            written = await self._storing.end(
                claimed,
                Ending(
                    lambda record, _: refreshed(record, issued),
                    "refreshed",
                    FORCED,
                    brought=Brought(issued.refresh_token, issued.fingerprint),
                    attempt=called.attempt,
                ),
            )
        if written is not None:
            await self._telling.ended(written)
        await self._clients.succeeded(claimed.client)

    async def _failed(self, claimed: Record, failure: Failure, called: Called) -> None:
        log.info("attempt failed", config_id=claimed.config_id, meaning=failure.attempt_class, error=failure.code)
        chance = self._ids.random()

        def transition(record: Record, now: datetime) -> Record:
            return failed(record, failure, now, chance)

        ending = Ending(transition, _happened(failure), FORCED, attempt=called.attempt)
        written = await self._storing.end(claimed, ending)
        if written is not None:
            await self._telling.ended(written, failed=True)


def _happened(failure: Failure) -> Happened:
    if failure.attempt_class == "reauthorization":
        return "reauthorization_required"
    return "client_fault" if failure.attempt_class == "client_fault" else "refresh_failed"
