"""Logins: `start` makes the URL for the admin's browser, `complete` checks what came back and hands the code on.

A state is 256 bits, stored as a hash, good for ten minutes and once, bound to the browser, to the config and to the
issuer it was started for. What does not fit is refused without any effect. Called by token_requests.py.
"""

import hmac
from datetime import timedelta
from typing import Final

from pydantic import SecretStr

from grantkeeper.bus.reply import failure, success
from grantkeeper.oauth2.authorization import VERIFIER_BYTES, authorization_url
from grantkeeper.oauth2.discovery import DiscoveryFailed, Endpoints, WrongIssuer, check_issuer, host
from grantkeeper.oauth2.errors import read_http_error, read_redirect_error
from grantkeeper.oauth2.http_errors import HttpError
from grantkeeper.oauth2.redirect import RedirectAnswer, redirect_uri
from grantkeeper.process.clock import Ids
from schemas.replies import Reply
from schemas.token_requests import AuthorizationComplete, AuthorizationStart, AuthorizationStarted
from services.refresher.access import Asked
from services.refresher.answers import refusal
from services.refresher.authorization_store import Authorization, AuthorizationStore
from services.refresher.domain.grant import authorization_failed, authorization_started
from services.refresher.domain.record import Record, Wish
from services.refresher.domain.serving import Refuse
from services.refresher.engine import EngineSwitch
from services.refresher.login import START_AGAIN, known_outcome
from services.refresher.provider_calls import EndpointSource
from services.refresher.returned import Opener, Returned, hashed
from services.refresher.secrets_at_rest import Secrets
from services.refresher.store import GrantStore
from services.refresher.storing import Storing
from services.refresher.wishes import Wishes

LIFETIME: Final = timedelta(minutes=10)
STATE_BYTES: Final = 32
UNKNOWN_STATE: Final = "this login was not started here, or long ago: start again"


class Starts:
    """Starts logins."""

    def __init__(
        self,
        store: GrantStore,
        logins: AuthorizationStore,
        endpoints: EndpointSource,
        secrets: Secrets,
        storing: Storing,
        engine: EngineSwitch,
        public_url: str,
        ids: Ids,
    ) -> None:
        self._store = store
        self._logins = logins
        self._endpoints = endpoints
        self._secrets = secrets
        self._storing = storing
        self._engine = engine
        self._public_url = public_url
        self._ids = ids

    async def start(self, asked: Asked, message: AuthorizationStart) -> Reply:
        """Make a login and its URL."""
        record = asked.record
        refused = unfit(record) or self._engine.refusal()
        if refused is not None:
            return refusal(refused)
        try:
            known = await self._endpoints.of(record)
        except DiscoveryFailed as failed:
            return failure("authorization_failed", str(failed))
        except HttpError as error:
            read = read_http_error(error)
            return failure("authorization_failed", f"{read.text} {read.cure}")
        if known.authorization is None:
            return failure(
                "authorization_failed", "the config names no authorization address: add it, or use discovery"
            )
        return await self._started(asked, message, known, known.authorization)

    async def _started(self, asked: Asked, message: AuthorizationStart, known: Endpoints, address: str) -> Reply:
        record, config = asked.record, asked.record.config
        state, verifier = self._ids.token(STATE_BYTES), SecretStr(self._ids.token(VERIFIER_BYTES))
        state_hash, now = hashed(state), self._store.time.now()
        login = Authorization(
            state_hash=state_hash,
            config_id=record.config_id,
            revision=record.revision,
            client=record.client,
            origin=record.origin,
            scope=config.scope,
            redirect_uri=redirect_uri(config, self._public_url),
            verifier=self._secrets.keep_verifier(state_hash, verifier),
            nonce_hash=message.nonce_hash,
            iss_required=known.iss_required,
            actor=asked.received.actor,
            started_at=now,
            expires_at=now + LIFETIME,
        )
        await self._logins.insert(login)
        await self._note(record, login)
        started = AuthorizationStarted(
            config_id=record.config_id,
            name=config.name,
            url=authorization_url(
                config,
                endpoint=address,
                state=state,
                redirect_uri=login.redirect_uri,
                code_verifier=verifier,
                login_hint=config.options.mailbox_login,
            ),
            redirect_uri=login.redirect_uri,
            host=host(address),
            expected_account=config.options.mailbox_login,
            expires_at=login.expires_at,
        )
        return success(started.model_dump(mode="json", exclude_none=True))

    async def _note(self, record: Record, login: Authorization) -> None:
        """Show that a login is in progress."""
        await self._storing.change(
            record.config_id,
            lambda current, _: authorization_started(current, login.expires_at),
            "authorization_started",
            login.actor,
        )


class Returns:
    """Completes logins."""

    def __init__(
        self,
        store: GrantStore,
        logins: AuthorizationStore,
        opener: Opener,
        secrets: Secrets,
        wishes: Wishes,
        storing: Storing,
    ) -> None:
        self._store = store
        self._logins = logins
        self._opener = opener
        self._secrets = secrets
        self._wishes = wishes
        self._storing = storing

    async def complete(self, asked: Asked, message: AuthorizationComplete) -> Reply | None:
        """Check what came back; None = the attempt loop answers."""
        returned = self._opener.open(asked.record, message)
        if isinstance(returned, Reply):
            return returned
        login = await self._logins.read(hashed(returned.state))
        if login is None:
            return failure("state_unknown", UNKNOWN_STATE)
        refused = _mismatch(login, asked.record, returned)
        if refused is not None:
            return failure("state_unknown", refused)
        known = known_outcome(asked.record, login)
        if known is not None:
            return known
        if login.expires_at <= self._store.time.now() and login.sent_at is None:
            return failure("state_unknown", "this login has taken more than ten minutes: start again")
        return await self._go_on(asked, login, returned)

    async def _go_on(self, asked: Asked, login: Authorization, returned: Returned) -> Reply | None:
        answer = returned.answer
        try:
            check_issuer(answer.iss, asked.record.config, required=login.iss_required)
        except WrongIssuer as error:
            return failure("authorization_failed", str(error))
        if answer.code is None:
            return await self._refused_there(asked, login, answer)
        waiting = any(wish.id == login.state_hash for wish in asked.record.wishes)
        if login.sent_at is not None and not waiting:
            return failure("authorization_failed", START_AGAIN)
        wish = Wish(
            id=login.state_hash,
            kind="complete",
            actor=asked.received.actor,
            code=self._secrets.keep_code(asked.record.config_id, answer.code),
            askers=(asked.waiter(),),
        )
        unmade = await self._wishes.add(asked.record, wish, lambda record, _: unfit(record))
        return None if unmade is None else refusal(unmade)

    async def _refused_there(self, asked: Asked, login: Authorization, answer: RedirectAnswer) -> Reply:
        """Store and show what the provider said instead of giving a code."""
        failed = read_redirect_error(answer, host=login.origin.host)
        reply = failure(
            "authorization_failed",
            f"{failed.text} {failed.cure}",
            facts={"code": failed.code, "cure_id": failed.cure_id},
        )
        await self._logins.end(login.state_hash, reply.model_dump(mode="json"))
        await self._storing.change(
            asked.record.config_id,
            lambda current, now: authorization_failed(current, failed, now),
            "authorization_failed",
            asked.received.actor,
        )
        return reply


def unfit(record: Record) -> Refuse | None:
    """Say why nobody can log in with this config."""
    if record.deleted or record.purged:
        return Refuse("deleted", "this token config was deleted: undelete it first")
    if record.mints:
        return Refuse("authorization_failed", "client credentials need no login: refresh instead")
    if not record.config.client_id:
        return Refuse("authorization_failed", "the config has no client id: enter it first")
    return None


def _mismatch(login: Authorization, record: Record, returned: Returned) -> str | None:
    """Say why a return does not belong to its login; nothing of it is used then."""
    if login.config_id != record.config_id:
        return "this login was started for another token config"
    if login.origin != record.origin:
        return "the config names another client or server since this login was started: start again"
    if login.nonce_hash is not None and not returned.pasted:
        given = hashed(returned.nonce or "")
        if not hmac.compare_digest(given, login.nonce_hash):
            return "this login was started in another browser: paste the whole address there, or start again"
    return None
