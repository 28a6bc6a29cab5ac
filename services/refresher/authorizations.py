"""Logins: `start` has the URL made for the admin's browser, `complete` checks what came back and hands the code on.

A state is 256 bits, stored as a hash, good for ten minutes and once, bound to the browser, to the config and to the
issuer it was started for. What does not fit is refused without any effect. Called by token_requests.py.
"""

import hmac
from typing import Final

from grantkeeper.bus.reply import failure
from grantkeeper.oauth2.discovery import Endpoints, WrongIssuer, check_issuer
from grantkeeper.oauth2.errors import read_redirect_error
from grantkeeper.oauth2.redirect import RedirectAnswer
from schemas.replies import Reply
from schemas.token_requests import AuthorizationComplete, AuthorizationStart
from services.refresher.access import Asked
from services.refresher.answers import refusal
from services.refresher.authorization_store import Authorization, AuthorizationStore
from services.refresher.discovery import Discovery
from services.refresher.domain.grant import authorization_failed, authorization_started
from services.refresher.domain.record import Record, Wish
from services.refresher.engine import EngineSwitch
from services.refresher.login import START_AGAIN, known_outcome
from services.refresher.login_start import LoginStart, unfit
from services.refresher.returned import Opener, Returned, hashed
from services.refresher.secrets_at_rest import Secrets
from services.refresher.store import GrantStore
from services.refresher.storing import Storing
from services.refresher.wishes import Wishes

UNKNOWN_STATE: Final = "this login was not started here, or long ago: start again"


class Starts:
    """Starts logins."""

    def __init__(
        self, discovery: Discovery, login_start: LoginStart, wishes: Wishes, storing: Storing, engine: EngineSwitch
    ) -> None:
        self._discovery = discovery
        self._login_start = login_start
        self._wishes = wishes
        self._storing = storing
        self._engine = engine

    async def start(self, asked: Asked, message: AuthorizationStart) -> Reply | None:
        """Make a login and its URL; None = the attempt loop answers, since addresses must be fetched first."""
        record, waiter = asked.record, asked.waiter()
        refused = unfit(record) or self._engine.refusal()
        if refused is not None:
            return refusal(refused)
        wish = Wish(
            id=hashed(f"start:{waiter.id}"),
            kind="start",
            actor=asked.received.actor,
            nonce_hash=message.nonce_hash,
            askers=(waiter,),
        )
        known = await self._discovery.known(record)
        if known is not None:
            return await self._at_once(record, wish, known)
        unmade = await self._wishes.add(record, wish, lambda current, _: unfit(current))
        return None if unmade is None else refusal(unmade)

    async def _at_once(self, record: Record, wish: Wish, known: Endpoints) -> Reply:
        started = await self._login_start.make(record, wish, known)
        until = started.until
        if until is not None:  # show that a login is in progress
            await self._storing.change(
                record.config_id,
                lambda current, _: authorization_started(current, until),
                "authorization_started",
                wish.actor,
            )
        return started.reply


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
