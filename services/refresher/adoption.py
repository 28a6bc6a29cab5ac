"""Takes over a refresh token that another program held: used once, and stored only when that has worked.

A failure leaves nothing behind, so that the refresh token can be handed in again. It goes to the token endpoint of the
config that it was sealed for, as that was then, and to no other. Two configs never send the same one: the second use
would end the grant of the first at a provider that replaces refresh tokens.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import SecretStr

from grantkeeper.bus.reply import failure as failed_reply
from grantkeeper.oauth2.errors import Failure
from grantkeeper.oauth2.token_response import TokenResponse
from grantkeeper_client import SealError, open_for_installation
from schemas.reasons import ErrorCode
from schemas.replies import Reply
from schemas.token_requests import GrantAdopt
from services.refresher.access import Asked
from services.refresher.answers import refusal, status_reply
from services.refresher.calling import Called
from services.refresher.domain.grant import Login
from services.refresher.domain.record import Origin, Record, Wish, adoption_of
from services.refresher.domain.serving import Refuse
from services.refresher.patience import Patience
from services.refresher.provider_calls import ProviderCalls
from services.refresher.secrets_at_rest import Secrets
from services.refresher.storing import Ending, Storing
from services.refresher.taking import Taking
from services.refresher.telling import Telling
from services.refresher.wishes import Wishes

_REFRESH_TOKEN: Final = re.compile(r"[\x20-\x7e]{1,8192}")
"""RFC 6749 appendix A.17: visible characters and blanks."""
_AGAIN: Final = frozenset({"transient", "transient_alarm", "ambiguous"})


@dataclass(frozen=True, slots=True)
class Adopted:
    """Stands for the login that somebody did elsewhere."""

    state_hash: str
    origin: Origin
    scope: str | None


class AdoptionRequests:
    """Takes requests in; None = the attempt loop answers."""

    def __init__(
        self, private_jwks: Mapping[str, Mapping[str, Any]], secrets: Secrets, taking: Taking, wishes: Wishes
    ) -> None:
        self._private_jwks = private_jwks
        self._secrets = secrets
        self._taking = taking
        self._wishes = wishes

    async def adopt(self, asked: Asked, message: GrantAdopt) -> Reply | None:
        """Check what can be checked without the provider, then have it tried."""
        record = asked.record
        try:
            refresh_token = self._opened(record, message)
        except SealError as error:
            return failed_reply("secret_unreadable", f"the refresh token does not open: {error.detail}")
        if _REFRESH_TOKEN.fullmatch(refresh_token.get_secret_value()) is None:
            return failed_reply("invalid_field", "this is no refresh token: hand in the bare text of it, in one line")
        adoption = adoption_of(self._secrets.fingerprint(refresh_token))
        if is_done(record, adoption):
            return status_reply(record, renamed=asked.renamed)
        shared = await self._taking.adopted_elsewhere(record, refresh_token)
        if shared is not None:
            return failed_reply("authorization_failed", shared)
        wish = Wish(
            id=adoption,
            kind="adopt",
            actor=asked.received.actor,
            generation=message.generation,
            code=self._secrets.keep_refresh_token(record.config_id, refresh_token),
            askers=(asked.waiter(),),
            origin=record.origin,
        )
        refused = await self._wishes.add(record, wish, lambda current, _: unfit(current, message.generation))
        return None if refused is None else refusal(refused)

    def _opened(self, record: Record, message: GrantAdopt) -> SecretStr:
        bound = {"config_id": record.config_id}
        return SecretStr(
            open_for_installation(self._private_jwks, message.refresh_token, use="refresh_token", bound=bound)
        )


class Adoption:
    """Carries a wish out."""

    def __init__(
        self,
        calls: ProviderCalls,
        secrets: Secrets,
        taking: Taking,
        storing: Storing,
        telling: Telling,
        patience: Patience,
    ) -> None:
        self._calls = calls
        self._secrets = secrets
        self._taking = taking
        self._storing = storing
        self._telling = telling
        self._patience = patience

    async def adopt(self, claimed: Record, wish: Wish, send_by: float) -> None:
        """Use the refresh token once; raises TooLate."""
        refused = unfit(claimed, wish.generation) or moved(claimed, wish)
        if is_done(claimed, wish.id):
            await self._end(claimed, wish, status_reply(claimed))
        elif wish.code is None or refused is not None:
            await self._end(claimed, wish, refusal(refused or Refuse("authorization_failed", "hand it in again")))
        else:
            await self._try(claimed, wish, self._secrets.refresh_token(claimed.config_id, wish.code), send_by)

    async def _try(self, claimed: Record, wish: Wish, refresh_token: SecretStr, send_by: float) -> None:
        # Nothing is sent yet: after an outage it may be too late to send, and the lease is given back.
        shared = await self._patience.outlast(
            claimed.config_id, lambda: self._taking.adopted_elsewhere(claimed, refresh_token)
        )
        if shared is not None:
            await self._end(claimed, wish, failed_reply("authorization_failed", shared))
            return
        called = await self._calls.redeem(claimed, send_by, refresh_token)
        outcome = called.outcome
        if isinstance(outcome, Failure):
            kept = await self._taking.failed(claimed, outcome)
            await self._failed(kept, wish, outcome, called)
            return
        await self._succeeded(claimed, wish, _with(outcome, refresh_token), called)

    async def _succeeded(self, claimed: Record, wish: Wish, response: TokenResponse, called: Called) -> None:
        login: Login = Adopted(wish.id, claimed.origin, claimed.config.scope)
        written = await self._taking.take(claimed, response, called, login, wish=wish.id, actor=wish.actor)
        if isinstance(written, str):
            await self._end(claimed, wish, failed_reply("authorization_failed", written), called)
        elif written is None:
            text = "another login was faster: look at the token, then hand the refresh token in again"
            await self._telling.tell(wish.askers, failed_reply("generation_conflict", text))
        else:
            await self._telling.ended(written)
            await self._telling.tell(wish.askers_in(written.before), status_reply(written.record))

    async def _failed(self, claimed: Record, wish: Wish, failure: Failure, called: Called) -> None:
        code: ErrorCode = "refresh_failed" if failure.attempt_class in _AGAIN else "authorization_failed"
        facts = {"code": failure.code, "cure_id": failure.cure_id}
        text = f"the refresh token was not taken over: {failure.text} {failure.cure}"
        await self._end(claimed, wish, failed_reply(code, text, facts=facts), called)

    async def _end(
        self,
        claimed: Record,
        wish: Wish,
        reply: Reply,
        called: Called | None = None,
    ) -> None:
        """Leave the grant as it is."""
        ending = Ending(
            lambda record, _: record,
            "reported",
            wish=wish.id,
            attempt=None if called is None else called.attempt,
            actor=wish.actor,
        )
        written = await self._storing.end(claimed, ending)
        if written is not None:
            await self._telling.ended(written, failed=True)
        await self._telling.tell(wish.askers if written is None else wish.askers_in(written.before), reply)


def is_done(record: Record, adoption: str) -> bool:
    """Tell whether the grant came from this very refresh token."""
    return record.grant.state == "authorized" and record.grant.authorization == adoption


def unfit(record: Record, generation: int | None) -> Refuse | None:
    """Say why nothing is adopted: the grant that is there already, unless it is the one that may be replaced."""
    grant = record.grant
    if record.deleted or record.purged:
        return Refuse("deleted", "this token config was deleted: undelete it first")
    if record.mints:
        return Refuse("authorization_failed", "this token config needs no refresh token: refresh instead")
    if generation is None and grant.state == "authorized":
        return Refuse("generation_conflict", f"there is a grant already: name its generation, {grant.generation}")
    if generation is not None and generation != grant.generation:
        return Refuse("generation_conflict", f"the grant is at generation {grant.generation} meanwhile: look again")
    return None


def moved(record: Record, wish: Wish) -> Refuse | None:
    """Say why a refresh token is not sent: the config was edited since it was handed in, and names somebody else."""
    if wish.origin is None or wish.origin == record.origin:
        return None
    text = "this token config names another client or host since: look at it, then hand the refresh token in again"
    return Refuse("authorization_failed", text)


def _with(response: TokenResponse, refresh_token: SecretStr) -> TokenResponse:
    """Keep the refresh token that has just worked where the provider gave no newer one."""
    return response if response.refresh_token is not None else replace(response, refresh_token=refresh_token)
