"""Sends the code of a login, exactly once, and keeps the outcome for everybody who asks.

The right to send is marked in the login's own document before the code leaves. A crash after that is told as "start
again", unless the grant itself says that it came from this login.
"""

from datetime import datetime

from pydantic import SecretStr

from grantkeeper.bus.reply import failure as failed_reply
from grantkeeper.bus.reply import success
from grantkeeper.oauth2.errors import Failure
from grantkeeper.oauth2.token_response import TokenResponse, missing_scopes
from grantkeeper.process.logging import get_logger
from schemas.replies import Reply
from schemas.token_requests import AuthorizationCompleted
from services.refresher.announce import status_of
from services.refresher.authorization_store import Authorization, AuthorizationStore
from services.refresher.calling import Called, TooLate
from services.refresher.domain.grant import authorization_failed
from services.refresher.domain.record import Attempt, Record, Wish
from services.refresher.provider_calls import ProviderCalls
from services.refresher.secrets_at_rest import Secrets
from services.refresher.store import GrantStore, Written
from services.refresher.storing import Ending, Storing
from services.refresher.taking import Taking
from services.refresher.telling import Telling

log = get_logger(__name__)

START_AGAIN = "the outcome of this login is not known: start again"


class LoginExchange:
    """Carries out `complete`."""

    def __init__(
        self,
        store: GrantStore,
        logins: AuthorizationStore,
        calls: ProviderCalls,
        taking: Taking,
        secrets: Secrets,
        storing: Storing,
        telling: Telling,
    ) -> None:
        self._store = store
        self._logins = logins
        self._calls = calls
        self._taking = taking
        self._secrets = secrets
        self._storing = storing
        self._telling = telling

    async def exchange(self, claimed: Record, wish: Wish, send_by: float) -> None:
        """Work on one wish; afterwards it is gone and its outcome stands in the login. Raises TooLate."""
        login = await self._logins.read(wish.id)
        known = None if login is None else known_outcome(claimed, login)
        if login is None or wish.code is None or known is not None:
            await self._drop(claimed, wish, known or failed_reply("state_unknown", START_AGAIN))
            return
        if login.origin != claimed.origin:
            await self._drop(claimed, wish, failed_reply("authorization_failed", START_AGAIN))
            return
        if not await self._logins.may_send(wish.id, self._store.time.now()):
            await self._drop(claimed, wish, failed_reply("authorization_failed", START_AGAIN))
            return
        called = await self._sent(claimed, login, self._secrets.code(claimed.config_id, wish.code), send_by)
        await self._take(claimed, wish, login, called)

    async def _sent(self, claimed: Record, login: Authorization, code: SecretStr, send_by: float) -> Called:
        verifier = self._secrets.verifier(login.state_hash, login.verifier)
        try:
            return await self._calls.exchange(
                claimed, send_by, code=code, redirect_uri=login.redirect_uri, verifier=verifier
            )
        except TooLate:
            await self._logins.not_sent(login.state_hash)
            raise

    async def _take(self, claimed: Record, wish: Wish, login: Authorization, called: Called) -> None:
        outcome = called.outcome
        if not isinstance(outcome, TokenResponse):
            kept = await self._taking.failed(claimed, outcome)
            await self._failed(kept, wish, outcome, called.attempt)
            return
        written = await self._taking.take(claimed, outcome, called, login, wish=wish.id, actor=wish.actor)
        if isinstance(written, str):
            await self._end(claimed, wish, failed_reply("authorization_failed", written), attempt=called.attempt)
        elif written is None:
            await self._overtaken(claimed, wish, login)
        else:
            await self._tell_all(wish, outcome, login, written)

    async def _tell_all(self, wish: Wish, response: TokenResponse, login: Authorization, written: Written) -> None:
        record = written.record
        reply = completed(record, response.refresh_token is not None, _notes(record, response, login))
        await self._logins.end(wish.id, reply.model_dump(mode="json"))
        await self._telling.ended(written)
        await self._telling.tell(wish.askers_in(written.before), reply)

    async def _overtaken(self, claimed: Record, wish: Wish, login: Authorization) -> None:
        """Tell what the record says where the ending itself did not count: it had come through, or it was too late."""
        current = await self._store.read(claimed.config_id)
        known = None if current is None else known_outcome(current, login)
        reply = known or failed_reply("authorization_failed", START_AGAIN)
        await self._logins.end(wish.id, reply.model_dump(mode="json"))
        await self._telling.tell(wish.askers, reply)

    async def _failed(self, claimed: Record, wish: Wish, failure: Failure, attempt: Attempt) -> None:
        text = f"{failure.text} {failure.cure}"
        reply = failed_reply("authorization_failed", text, facts={"code": failure.code, "cure_id": failure.cure_id})
        await self._end(claimed, wish, reply, failure, attempt)

    async def _end(
        self,
        claimed: Record,
        wish: Wish,
        reply: Reply,
        failure: Failure | None = None,
        attempt: Attempt | None = None,
    ) -> None:
        def transition(record: Record, now: datetime) -> Record:
            return record if failure is None else authorization_failed(record, failure, now)

        await self._logins.end(wish.id, reply.model_dump(mode="json"))
        ending = Ending(transition, "authorization_failed", wish=wish.id, attempt=attempt, actor=wish.actor)
        written = await self._storing.end(claimed, ending)
        if written is not None:
            await self._telling.ended(written, failed=True)
        await self._telling.tell(wish.askers if written is None else wish.askers_in(written.before), reply)

    async def _drop(self, claimed: Record, wish: Wish, reply: Reply) -> None:
        await self._end(claimed, wish, reply)


def known_outcome(record: Record, login: Authorization) -> Reply | None:
    """Return what a login has come to, if that is known."""
    if login.outcome is not None:
        return Reply.read(login.outcome)
    if record.grant.authorization == login.state_hash:
        return completed(record, record.grant.refresh_token is not None, ())
    return None


def completed(record: Record, refresh_token_received: bool, notes: tuple[str, ...]) -> Reply:  # noqa: FBT001
    """Make the reply of a login that yielded a grant."""
    result = AuthorizationCompleted(
        status=status_of(record),
        refresh_token_received=refresh_token_received,
        account=record.grant.account,
        notes=notes,
    )
    return success(result.model_dump(mode="json", exclude_none=True))


def _notes(record: Record, response: TokenResponse, login: Authorization) -> tuple[str, ...]:
    notes = []
    if response.refresh_token is None and record.grant.refresh_token is None:
        notes.append(
            "No refresh token came along: the access token ends and then somebody must log in again. Ask for offline "
            "access (scope offline_access, or access_type=offline with prompt=consent at Google) and repeat the login."
        )
    elif response.refresh_token is None:
        notes.append("No new refresh token came along: the stored one is kept.")
    missing = missing_scopes(login.scope, response.scope)
    if missing:
        notes.append(f"Not granted: {' '.join(missing)}. Log in again and allow it.")
    expected = record.config.options.mailbox_login
    if expected and record.grant.account and expected.casefold() != record.grant.account.casefold():
        notes.append(f"{record.grant.account} logged in, {expected} was expected.")
    return tuple(notes)
