"""Stores the grant that a person brought: by a login in the browser, on another device, or as an adopted refresh token.

Two configs never share a refresh token: they would use it up for each other. What a provider has given is stored
whatever happens meanwhile, since it may be the only copy.
"""

from datetime import datetime

from pydantic import SecretStr

from grantkeeper.oauth2.errors import Failure
from grantkeeper.oauth2.token_response import TokenResponse
from services.refresher.calling import Called
from services.refresher.clients import Clients
from services.refresher.domain.grant import Login, authorized
from services.refresher.domain.record import Record
from services.refresher.issuing import Issuing
from services.refresher.keeping import Keeping
from services.refresher.patience import Patience
from services.refresher.secrets_at_rest import Secrets
from services.refresher.store import GrantStore, Written
from services.refresher.storing import Brought, Ending, Storing


class Taking:
    """Takes what a token endpoint has answered to a login."""

    def __init__(
        self,
        store: GrantStore,
        issuing: Issuing,
        secrets: Secrets,
        storing: Storing,
        keeping: Keeping,
        patience: Patience,
        clients: Clients,
    ) -> None:
        self._store = store
        self._issuing = issuing
        self._secrets = secrets
        self._storing = storing
        self._keeping = keeping
        self._patience = patience
        self._clients = clients

    async def shared_with(self, claimed: Record, refresh_token: SecretStr) -> str | None:
        """Say why a grant cannot be taken that another config holds; None = nobody does. Raises Unavailable."""
        others = await self._store.holders(self._secrets.fingerprint(refresh_token), claimed.config_id)
        if not others:
            return None
        return f"the token config {others[0]} holds this very grant: use that one, or log in with another account"

    async def adopted_elsewhere(self, record: Record, refresh_token: SecretStr) -> str | None:
        """Say why a refresh token is not to be sent for this record: another one has it, or is first; None = it may be.

        Asked for in this order, since whoever is first and succeeds turns from an adopter into a holder. Raises
        Unavailable.
        """
        first = await self._store.adopters(self._secrets.fingerprint(refresh_token), record)
        if first:
            return f"the token config {first[0]} is taking over this very refresh token: use that one"
        return await self.shared_with(record, refresh_token)

    async def failed(self, claimed: Record, failure: Failure) -> Record:
        """Note what a failure says of the client, after a refresh token that it brought nevertheless was put aside.

        Returns the record as it is then; its grant stays as it was.
        """
        kept = await self._keeping.keep(claimed, failure.refresh_token, aside=True)
        await self._clients.failed(kept, failure)
        return kept

    async def take(
        self,
        claimed: Record,
        response: TokenResponse,
        called: Called,
        login: Login,
        *,
        wish: str | None = None,
        actor: str | None = None,
    ) -> Written | str | None:
        """Store it; a sentence where another config holds it, None where it did not count any more."""
        refresh_token = response.refresh_token
        async with self._keeping.holding(claimed, refresh_token, aside=True):
            if refresh_token is not None:
                # What a spent code has brought must outlive an outage here.
                shared = await self._patience.outlast(
                    claimed.config_id, lambda: self.shared_with(claimed, refresh_token)
                )
                if shared is not None:
                    return shared
            issued = self._issuing.issued(claimed, response, called.host, called.attempt.at)

            def transition(record: Record, _: datetime) -> Record:
                return authorized(record, issued, login)

            brought = Brought(issued.refresh_token, issued.fingerprint)
            ending = Ending(transition, "authorized", wish=wish, brought=brought, attempt=called.attempt, actor=actor)
            written = await self._storing.end(claimed, ending)
        await self._clients.succeeded(claimed.client)
        return written
