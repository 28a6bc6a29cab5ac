"""One request to a provider: by which client secret it is authenticated, until when it may leave, what came of it.

Nothing is stored here. A client secret goes only to the host that it was sealed for, or where that leads by discovery
(client_identity.py). The whole call has one deadline, shorter than the lease under which it runs, however many secrets
are tried.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol, TypeGuard, TypeVar

from pydantic import SecretStr

from grantkeeper.bus.delivery import Instruments
from grantkeeper.oauth2.answer import HttpAnswer, correlation_id
from grantkeeper.oauth2.client_auth import Client, UnusableKey
from grantkeeper.oauth2.client_identity import may_go_to, token_host
from grantkeeper.oauth2.client_proof import proven_client
from grantkeeper.oauth2.device import WAITING
from grantkeeper.oauth2.discovery import host
from grantkeeper.oauth2.errors import Failure, cure, read_answer, read_http_error
from grantkeeper.oauth2.http_errors import HttpError, MaybeSent
from grantkeeper.oauth2.token_request import TokenRequest
from grantkeeper.oauth2.token_response import TokenResponse
from grantkeeper_client import SealError
from services.refresher.client_secrets import ClientSecrets
from services.refresher.database_time import DatabaseTime
from services.refresher.domain.client_secrets import OF_THE_SECRET, ClientSecret, Tried, may_lead
from services.refresher.domain.record import Attempt, Record

POST_TIMEOUT: Final = 15.0
"""Seconds for a whole call: five less than the lease."""

STORING: Final = 1.0
"""Seconds of the lease that must be left after the longest call, for storing what it brought."""

NO_SECRET: Final = "there is no client secret to send"

T = TypeVar("T")
Outcome = TokenResponse | Failure


@dataclass(frozen=True, slots=True)
class Called:
    """What one call came to."""

    outcome: Outcome
    attempt: Attempt
    """The same for the record's history."""
    host: str | None = None
    """host[:port] that was asked; None where nothing was sent."""


class TooLate(Exception):
    """The lease could not outlive the call any more: nothing was sent."""


class Http(Protocol):
    """The door to providers (grantkeeper.oauth2.http)."""

    async def post(self, request: TokenRequest) -> HttpAnswer:
        """Send a form; raises HttpError."""
        ...


class Refused(Exception):
    """The call must not be made; carries the failure that says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code)
        self.failure = failure


class Calling:
    """Sends requests; `send_by` is the monotonic time after which nothing is sent."""

    def __init__(self, http: Http, client_secrets: ClientSecrets, time: DatabaseTime, instruments: Instruments) -> None:
        self._http = http
        self._client_secrets = client_secrets
        self._time = time
        self._instruments = instruments

    async def by_its_secrets(
        self,
        record: Record,
        url: str,
        request: Callable[[Client], TokenRequest],
        send_by: float,
        *,
        by_code: bool = False,
    ) -> Called:
        """Call with the leading client secret; where it is refused, with the other one, within the same deadline.

        `by_code`: it sends a code, which not every provider takes again after a refusal. Raises TooLate.
        """
        tried: list[tuple[ClientSecret, Failure]] = []
        called: Called | None = None
        deadline = self._instruments.clock.monotonic() + POST_TIMEOUT
        while True:
            try:
                choice = await self._next_secret(record, url, tried, by_code=by_code)
                if choice is None:
                    return called or self.unsent(own_fault("secret_unreadable", NO_SECRET))
                used, secret = choice
                client = self._client(record, url, secret)
            except Refused as refused:
                return called or self.unsent(refused.failure)
            within = deadline - self._instruments.clock.monotonic() if tried else POST_TIMEOUT
            called = await self.call(record, request(client), deadline if tried else send_by, within)
            if used is not None and isinstance(called.outcome, TokenResponse):
                self._client_secrets.worked(record.client, Tried(used, *(tried[0] if tried else ())))
            if used is None or not _is_refused(called.outcome):
                return _spent(called, tried[0][1]) if by_code and tried else called
            tried.append((used, called.outcome))

    async def _next_secret(
        self, record: Record, url: str, tried: Sequence[tuple[ClientSecret, Failure]], *, by_code: bool = False
    ) -> tuple[ClientSecret | None, SecretStr | None] | None:
        """Return the secret to try next; None = all were. Before that is believed, the database is asked again."""
        config = record.config
        if record.secret is None or config.options.client_authentication == "none":
            return None, None
        if not may_go_to(config, url):
            bound = token_host(config)
            raise Refused(address_fault(f"the client secret was sealed for {bound}, not for {host(url)}"))
        seen = {one.fingerprint for one, _ in tried}
        try:
            for anew in (False, True) if tried else (False,):
                choices = await self._client_secrets.of(record, anew=anew)
                if by_code:
                    own = self._client_secrets.own(record)
                    choices.sort(key=lambda choice: not may_lead(choice[0], own))
                for choice in choices:
                    if choice[0].fingerprint not in seen:
                        return choice
        except SealError as error:
            raise Refused(own_fault("secret_unreadable", f"the client secret does not open: {error.detail}")) from None
        return None

    async def otherwise(
        self,
        record: Record,
        url: str,
        request: Callable[[Client], TokenRequest],
        read: Callable[[TokenRequest, HttpAnswer], T | Failure],
        send_by: float,
    ) -> T | Failure:
        """Ask for something else than a token, by the same rule; what it shows of secrets counts for nothing.

        Such an endpoint may not look at the secret at all. Raises Refused, HttpError, TooLate.
        """
        tried: list[tuple[ClientSecret, Failure]] = []
        within, deadline = POST_TIMEOUT, self._instruments.clock.monotonic() + POST_TIMEOUT
        while (choice := await self._next_secret(record, url, tried)) is not None:
            used, secret = choice
            asked = request(self._client(record, url, secret))
            given = read(asked, await self.send(asked, deadline if tried else send_by, within))
            if used is None or not _is_refused(given):
                return given
            tried.append((used, given))
            within = deadline - self._instruments.clock.monotonic()
        return tried[-1][1] if tried else own_fault("secret_unreadable", NO_SECRET)

    def _client(self, record: Record, url: str, secret: SecretStr | None) -> Client:
        assertion_id, now = self._instruments.ids.uuid7(), self._time.now()
        try:
            return proven_client(record.config, secret, audience=url, assertion_id=assertion_id, now=now)
        except UnusableKey as error:
            raise Refused(own_fault("unusable_key", str(error))) from None

    def unsent(self, failure: Failure) -> Called:
        """Describe a call that was not made."""
        return Called(failure, Attempt(self._time.now(), failure.attempt_class, 0, failure.code))

    async def call(self, record: Record, request: TokenRequest, send_by: float, within: float = POST_TIMEOUT) -> Called:
        """Send one request and read what it came to; raises TooLate."""
        at, started = self._time.now(), self._instruments.clock.monotonic()
        answer: HttpAnswer | None = None
        try:
            answer = await self.send(request, send_by, within)
        except HttpError as error:
            outcome: Outcome = read_http_error(error)
        else:
            default = record.config.options.default_expires_in
            outcome = read_answer(request, answer, default_expires_in=default, now=self._time.now())
        seconds = self._instruments.clock.monotonic() - started
        attempt = _attempt(at, seconds, outcome, answer)
        if attempt.code not in WAITING:
            self._instruments.metrics.count("refresh_attempts", outcome=attempt.outcome)
        self._instruments.metrics.observe("provider_seconds", seconds, outcome=attempt.outcome)
        return Called(outcome, attempt, host(request.url))

    async def send(self, request: TokenRequest, send_by: float, within: float = POST_TIMEOUT) -> HttpAnswer:
        """Send under the lease: one that is nearly over must not be stretched by a slow answer."""
        if self._instruments.clock.monotonic() > send_by:
            raise TooLate
        await self._instruments.failpoints.reach("refresher.sending")
        try:
            async with asyncio.timeout(within):
                answer = await self._http.post(request)
            await self._instruments.failpoints.reach("refresher.sent")
            return answer
        except TimeoutError:
            raise MaybeSent(host(request.url), f"no answer within {within:.0f} s") from None


def _attempt(at: datetime, seconds: float, outcome: Outcome, answer: HttpAnswer | None) -> Attempt:
    latency = round(seconds * 1000)
    if isinstance(outcome, Failure):
        status, request = outcome.http_status, outcome.correlation_id
        return Attempt(at, outcome.attempt_class, latency, outcome.code, status, request)
    if answer is None:
        return Attempt(at, "success", latency)
    return Attempt(at, "success", latency, None, answer.status, correlation_id(answer, {}))


def _spent(called: Called, refusal: Failure) -> Called:
    """Blame the refused secret where a code did not outlive it, and nobody but the config: the other secret works."""
    if isinstance(called.outcome, TokenResponse) or called.outcome.attempt_class != "reauthorization":
        return called
    return replace(called, outcome=replace(refusal, scope="config"))


def _is_refused(outcome: object) -> TypeGuard[Failure]:
    return (
        isinstance(outcome, Failure)
        and outcome.pauses_client
        and outcome.code in OF_THE_SECRET
        and outcome.refresh_token is None
    )


def address_fault(text: str) -> Failure:
    return Failure("config_fault", "config", "address_refused", "check-address", cure("check-address"), text)


def own_fault(code: str, text: str) -> Failure:
    """Describe a fault of this config's client secret: it concerns no other config."""
    sentence = "Type the client secret again: this one cannot be used here."
    return Failure("client_fault", "config", code, "type-secret-again", sentence, text)
