"""Starts a login: stores it, and makes the URL for the admin's browser.

Where the provider's addresses are known that is done at once. Else they are fetched by the attempt loop, like all that
needs the provider: nobody's access token waits behind an issuer that hangs.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr

from grantkeeper.bus.reply import failure, success
from grantkeeper.oauth2.authorization import VERIFIER_BYTES, authorization_url
from grantkeeper.oauth2.discovery import DiscoveryFailed, Endpoints, host
from grantkeeper.oauth2.errors import read_http_error
from grantkeeper.oauth2.http_errors import HttpError
from grantkeeper.oauth2.redirect import redirect_uri
from grantkeeper.process.clock import Ids
from schemas.replies import Reply
from schemas.token_events import Happened
from schemas.token_requests import AuthorizationStarted
from services.refresher.answers import refusal
from services.refresher.authorization_store import Authorization, AuthorizationStore
from services.refresher.discovery import Discovery
from services.refresher.domain.grant import authorization_started
from services.refresher.domain.record import Record, Wish
from services.refresher.domain.serving import Refuse
from services.refresher.returned import hashed
from services.refresher.secrets_at_rest import Secrets
from services.refresher.store import GrantStore
from services.refresher.storing import Ending, Storing
from services.refresher.telling import Telling

LIFETIME: Final = timedelta(minutes=10)
STATE_BYTES: Final = 32
NO_ADDRESS: Final = "the config names no authorization address: add it, or use discovery"


@dataclass(frozen=True, slots=True)
class Started:
    """What a start came to."""

    reply: Reply
    until: datetime | None = None
    """When the login ends; None = there is none."""


class LoginStart:
    """Makes logins."""

    def __init__(
        self,
        store: GrantStore,
        logins: AuthorizationStore,
        discovery: Discovery,
        secrets: Secrets,
        storing: Storing,
        telling: Telling,
        public_url: str,
        ids: Ids,
    ) -> None:
        self._store = store
        self._logins = logins
        self._discovery = discovery
        self._secrets = secrets
        self._storing = storing
        self._telling = telling
        self._public_url = public_url
        self._ids = ids

    async def attempt(self, claimed: Record, wish: Wish) -> None:
        """Fetch the addresses, make the login and tell its URL; nothing is fetched for who has stopped listening."""
        now = self._store.time.now()
        gone = all(asker.is_gone(now) for asker in wish.askers)
        started = Started(failure("deadline_exceeded", "nobody waits")) if gone else await self._fetched(claimed, wish)
        until = started.until

        def transition(record: Record, _: datetime) -> Record:
            return record if until is None else authorization_started(record, until)

        happened: Happened = "reported" if until is None else "authorization_started"
        written = await self._storing.end(claimed, Ending(transition, happened, wish=wish.id, actor=wish.actor))
        if written is not None:
            await self._telling.ended(written, failed=True)
        await self._telling.tell(wish.askers if written is None else wish.askers_in(written.before), started.reply)

    async def _fetched(self, claimed: Record, wish: Wish) -> Started:
        refused = unfit(claimed)
        if refused is not None:
            return Started(refusal(refused))
        try:
            known = await self._discovery.of(claimed)
        except DiscoveryFailed as failed:
            return Started(failure("authorization_failed", str(failed)))
        except HttpError as error:
            read = read_http_error(error)
            return Started(failure("authorization_failed", f"{read.text} {read.cure}"))
        return await self.make(claimed, wish, known)

    async def make(self, record: Record, wish: Wish, known: Endpoints) -> Started:
        """Store a login for a wish; the reply holds its URL."""
        if known.authorization is None:
            return Started(failure("authorization_failed", NO_ADDRESS))
        state, verifier = self._ids.token(STATE_BYTES), SecretStr(self._ids.token(VERIFIER_BYTES))
        login = self._login(record, wish, known, hashed(state), verifier)
        await self._logins.insert(login)
        mailbox = record.config.options.mailbox_login
        started = AuthorizationStarted(
            config_id=record.config_id,
            name=record.config.name,
            url=authorization_url(
                record.config,
                endpoint=known.authorization,
                state=state,
                redirect_uri=login.redirect_uri,
                code_verifier=verifier,
                login_hint=mailbox,
            ),
            redirect_uri=login.redirect_uri,
            host=host(known.authorization),
            expected_account=mailbox,
            expires_at=login.expires_at,
        )
        return Started(success(started.model_dump(mode="json", exclude_none=True)), login.expires_at)

    def _login(
        self, record: Record, wish: Wish, known: Endpoints, state_hash: str, verifier: SecretStr
    ) -> Authorization:
        now = self._store.time.now()
        return Authorization(
            state_hash=state_hash,
            config_id=record.config_id,
            revision=record.revision,
            client=record.client,
            origin=record.origin,
            scope=record.config.scope,
            redirect_uri=redirect_uri(record.config, self._public_url),
            verifier=self._secrets.keep_verifier(state_hash, verifier),
            nonce_hash=wish.nonce_hash,
            iss_required=known.iss_required,
            actor=wish.actor,
            started_at=now,
            expires_at=now + LIFETIME,
        )


def unfit(record: Record) -> Refuse | None:
    """Say why nobody can log in with this config."""
    if record.deleted or record.purged:
        return Refuse("deleted", "this token config was deleted: undelete it first")
    if record.mints:
        return Refuse("authorization_failed", "client credentials need no login: refresh instead")
    if not record.config.client_id:
        return Refuse("authorization_failed", "the config has no client id: enter it first")
    return None
