"""One call to a provider for one record: builds the request, sends it, reads the answer.

Nothing is stored here. A secret goes only to the host that it was sealed for or granted by; every other address is
refused before anything is sent. The whole call has one deadline, shorter than the lease under which it runs.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol, TypeGuard

from pydantic import SecretStr

from grantkeeper.bus.delivery import Instruments
from grantkeeper.crypto.errors import DecryptionError
from grantkeeper.oauth2.answer import HttpAnswer, correlation_id
from grantkeeper.oauth2.client_auth import Client, UnusableKey, with_assertion
from grantkeeper.oauth2.client_identity import secret_binding
from grantkeeper.oauth2.device import (
    WAITING,
    DeviceAuthorization,
    UnusableDeviceAnswer,
    device_request,
    poll_request,
    read_device_answer,
)
from grantkeeper.oauth2.discovery import DiscoveryFailed, Endpoints, host
from grantkeeper.oauth2.errors import Failure, cure, read_answer, read_http_error
from grantkeeper.oauth2.http_errors import HttpError, MaybeSent
from grantkeeper.oauth2.jwt_grant import Statement, signed
from grantkeeper.oauth2.revocation import read_revocation, revocation_request
from grantkeeper.oauth2.token_request import (
    TokenRequest,
    client_credentials_request,
    code_request,
    jwt_bearer_request,
    refresh_request,
)
from grantkeeper.oauth2.token_response import TokenResponse
from grantkeeper_client import SealError
from schemas.token_config import TokenConfig
from services.refresher.client_secrets import ClientSecrets
from services.refresher.database_time import DatabaseTime
from services.refresher.domain.client_secrets import OF_THE_SECRET, ClientSecret, Tried
from services.refresher.domain.record import Attempt, Record
from services.refresher.domain.recovery import to_send
from services.refresher.domain.status import scope_set
from services.refresher.secrets_at_rest import Secrets

POST_TIMEOUT: Final = 15.0
"""Seconds for a whole call: five less than the lease."""

STORING: Final = 1.0
"""Seconds of the lease that must be left after the longest call, for storing what it brought."""

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


class EndpointSource(Protocol):
    """Where a config's requests go (discovery.py)."""

    async def of(self, record: Record) -> Endpoints:
        """Return the endpoints, fetching the issuer's metadata where they are not known; raises DiscoveryFailed."""
        ...


class Refused(Exception):
    """The call must not be made; carries the failure that says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code)
        self.failure = failure


class ProviderCalls:
    """Everything the refresher asks of providers; `send_by` is the monotonic time after which nothing is sent."""

    def __init__(
        self,
        http: Http,
        endpoints: EndpointSource,
        secrets: Secrets,
        client_secrets: ClientSecrets,
        time: DatabaseTime,
        instruments: Instruments,
    ) -> None:
        self._http = http
        self._endpoints = endpoints
        self._secrets = secrets
        self._client_secrets = client_secrets
        self._time = time
        self._instruments = instruments

    async def refresh(self, record: Record, send_by: float) -> Called:
        """Use a stored refresh token; raises TooLate."""
        stored = to_send(record.grant)
        if stored is None:
            raise LookupError(f"{record.config_id} has no refresh token to send")
        try:
            url = _known((await self._endpoints_of(record)).token_by_refresh)
            _only_to(record.grant.token_host, url)
            refresh_token = self._secrets.refresh_token(record.config_id, stored)
        except Refused as refused:
            return self._unsent(refused.failure)
        except DecryptionError as error:
            return self._unsent(_own_fault("secret_unreadable", str(error)))

        def request(client: Client) -> TokenRequest:
            return refresh_request(_as_granted(record), client, endpoint=url, refresh_token=refresh_token)

        return await self._by_its_secrets(record, url, request, send_by)

    async def redeem(self, record: Record, send_by: float, refresh_token: SecretStr) -> Called:
        """Use a refresh token that is not stored yet; raises TooLate."""
        try:
            url = _known((await self._endpoints_of(record)).token_by_refresh)
        except Refused as refused:
            return self._unsent(refused.failure)

        def request(client: Client) -> TokenRequest:
            return refresh_request(record.config, client, endpoint=url, refresh_token=refresh_token)

        return await self._by_its_secrets(record, url, request, send_by)

    async def mint(self, record: Record, send_by: float) -> Called:
        """Ask in the client's own name (RFC 6749 section 4.4, RFC 7523 section 2.1); raises TooLate."""
        try:
            url = _known((await self._endpoints_of(record)).renewing(record.config.auth_flow))
        except Refused as refused:
            return self._unsent(refused.failure)

        def request(client: Client) -> TokenRequest:
            if client.assertion is not None and record.config.auth_flow == "JWTBearer":
                return jwt_bearer_request(record.config, endpoint=url, assertion=client.assertion)
            return client_credentials_request(record.config, client, endpoint=url)

        return await self._by_its_secrets(record, url, request, send_by)

    async def exchange(
        self, record: Record, send_by: float, *, code: SecretStr, redirect_uri: str, verifier: SecretStr
    ) -> Called:
        """Exchange an authorization code (RFC 6749 section 4.1.3), with one secret: a code is never sent twice.

        Raises TooLate.
        """
        try:
            url = _known((await self._endpoints_of(record)).token_by_code)
        except Refused as refused:
            return self._unsent(refused.failure)

        def request(client: Client) -> TokenRequest:
            return code_request(
                record.config, client, endpoint=url, code=code, redirect_uri=redirect_uri, code_verifier=verifier
            )

        return await self._by_its_secrets(record, url, request, send_by, once=True)

    async def start_device(self, record: Record, send_by: float) -> DeviceAuthorization | Failure:
        """Fetch a code for a login on another device (RFC 8628 section 3.1); raises TooLate."""
        try:
            url = _known((await self._endpoints_of(record)).device_authorization)
            request = device_request(record.config, await self._newest_client(record, url), endpoint=url)
            answer = await self._send(request, send_by)
            return read_device_answer(request, answer, now=self._time.now())
        except Refused as refused:
            return refused.failure
        except HttpError as error:
            return read_http_error(error)
        except UnusableDeviceAnswer as error:
            return _transient("not_understood", str(error), "look-if-it-lasts")

    async def poll_device(self, record: Record, send_by: float, device_code: SecretStr) -> Called:
        """Ask for the outcome of such a login (RFC 8628 section 3.4); raises TooLate."""
        try:
            url = _known((await self._endpoints_of(record)).token_by_code)
            request = poll_request(await self._newest_client(record, url), endpoint=url, device_code=device_code)
        except Refused as refused:
            return self._unsent(refused.failure)
        return await self._call(record, request, send_by)

    async def revoke(self, record: Record, send_by: float) -> Failure | bool:
        """End the grant at the provider (RFC 7009): True = done, False = no endpoint for that; raises TooLate."""
        try:
            url = (await self._endpoints_of(record)).revocation
            if url is None:
                return False
            if record.config.options.revocation_endpoint is not None:
                _only_to(record.grant.token_host, url)
            request = self._revocation(record, await self._newest_client(record, url), url)
        except Refused as refused:
            return refused.failure
        except DecryptionError as error:
            return _own_fault("secret_unreadable", str(error))
        try:
            answer = await self._send(request, send_by)
        except HttpError as error:
            return read_http_error(error)
        return read_revocation(request, answer, now=self._time.now()) or True

    def _revocation(self, record: Record, client: Client, url: str) -> TokenRequest:
        """Revoke by the refresh token, which takes the access tokens along; by the access token where there is none."""
        grant = record.grant
        if grant.refresh_token is not None:
            token = self._secrets.refresh_token(record.config_id, grant.refresh_token)
            return revocation_request(client, endpoint=url, token=token, hint="refresh_token")
        if grant.access_token is None:
            raise LookupError(f"{record.config_id} has nothing to revoke")
        token = self._secrets.access_token(record.config_id, grant.access_token)
        return revocation_request(client, endpoint=url, token=token, hint="access_token")

    async def _endpoints_of(self, record: Record) -> Endpoints:
        try:
            return await self._endpoints.of(record)
        except DiscoveryFailed as failed:
            raise Refused(_transient("discovery_failed", str(failed), "look-if-it-lasts")) from None
        except HttpError as error:
            raise Refused(read_http_error(error)) from None

    async def _by_its_secrets(
        self,
        record: Record,
        url: str,
        request: Callable[[Client], TokenRequest],
        send_by: float,
        *,
        once: bool = False,
    ) -> Called:
        """Call with the newest client secret; where it is refused, with the other one, within the same deadline."""
        tried: list[tuple[ClientSecret, Failure]] = []
        called: Called | None = None
        deadline = self._instruments.clock.monotonic() + POST_TIMEOUT
        while True:
            try:
                choice = await self._next_secret(record, url, tried)
                if choice is None:
                    return called or self._unsent(_own_fault("secret_unreadable", "there is no client secret to send"))
                used, secret = choice
                client = self._client(record, url, secret)
            except Refused as refused:
                return called or self._unsent(refused.failure)
            within = deadline - self._instruments.clock.monotonic() if tried else POST_TIMEOUT
            called = await self._call(record, request(client), deadline if tried else send_by, within)
            if used is not None and isinstance(called.outcome, TokenResponse):
                self._client_secrets.worked(record.client, Tried(used, *(tried[0] if tried else ())))
            if used is None or not _is_refused(called.outcome):
                return called
            tried.append((used, called.outcome))
            if once:
                return await self._of_this_secret(record, url, tried, called)

    async def _of_this_secret(
        self, record: Record, url: str, tried: Sequence[tuple[ClientSecret, Failure]], called: Called
    ) -> Called:
        """Blame nobody but the config for a refused secret as long as the client has another one to try."""
        if await self._next_secret(record, url, tried) is None:
            return called
        return replace(called, outcome=replace(tried[-1][1], scope="config"))

    async def _next_secret(
        self, record: Record, url: str, tried: Sequence[tuple[ClientSecret, Failure]]
    ) -> tuple[ClientSecret | None, SecretStr | None] | None:
        """Return the secret to try next; None = all were. Before that is believed, the database is asked again."""
        config = record.config
        if record.secret is None or config.options.client_authentication == "none":
            return None, None
        bound = secret_binding(config)["host"]
        if not config.options.discovery and host(url) != bound:
            raise Refused(_address_fault(f"the client secret was sealed for {bound}, not for {host(url)}"))
        seen = {one.fingerprint for one, _ in tried}
        try:
            for anew in (False, True) if tried else (False,):
                for choice in await self._client_secrets.of(record, anew=anew):
                    if choice[0].fingerprint not in seen:
                        return choice
        except SealError as error:
            raise Refused(_own_fault("secret_unreadable", f"the client secret does not open: {error.detail}")) from None
        return None

    async def _newest_client(self, record: Record, url: str) -> Client:
        _, secret = await self._next_secret(record, url, ()) or (None, None)
        return self._client(record, url, secret)

    def _client(self, record: Record, url: str, secret: SecretStr | None) -> Client:
        config = record.config
        client = Client(config.client_id or "", secret, config.options.client_authentication)
        assertion_id, now = self._instruments.ids.uuid7(), self._time.now()
        try:
            if config.auth_flow != "JWTBearer":
                return with_assertion(client, audience=url, assertion_id=assertion_id, now=now)
            statement = Statement(client.client_id, config.options.mailbox_login, config.scope, url)
            assertion = signed(statement, secret or SecretStr(""), assertion_id=assertion_id, now=now)
            return replace(client, assertion=assertion)
        except UnusableKey as error:
            raise Refused(_own_fault("unusable_key", str(error))) from None

    def _unsent(self, failure: Failure) -> Called:
        return Called(failure, Attempt(self._time.now(), failure.attempt_class, 0, failure.code))

    async def _call(
        self, record: Record, request: TokenRequest, send_by: float, within: float = POST_TIMEOUT
    ) -> Called:
        at, started = self._time.now(), self._instruments.clock.monotonic()
        answer: HttpAnswer | None = None
        try:
            answer = await self._send(request, send_by, within)
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

    async def _send(self, request: TokenRequest, send_by: float, within: float = POST_TIMEOUT) -> HttpAnswer:
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


def _is_refused(outcome: Outcome) -> TypeGuard[Failure]:
    return isinstance(outcome, Failure) and outcome.pauses_client and outcome.code in OF_THE_SECRET


def _as_granted(record: Record) -> TokenConfig:
    """Ask for no other scope than was granted (RFC 6749 section 6): a wider one waits for a new login."""
    asked = record.grant.asked_scope
    if scope_set(asked) == scope_set(record.config.scope):
        return record.config
    return record.config.model_copy(update={"scope": asked})


def _known(url: str | None) -> str:
    if url is None:
        raise Refused(_address_fault("the config names no address for this request, and discovery found none"))
    return url


def _only_to(granted_by: str | None, url: str) -> None:
    if granted_by is not None and host(url) != granted_by:
        raise Refused(_address_fault(f"the refresh token was granted by {granted_by} and goes to no other host"))


def _address_fault(text: str) -> Failure:
    return Failure("config_fault", "config", "address_refused", "check-address", cure("check-address"), text)


def _own_fault(code: str, text: str) -> Failure:
    """Describe a fault of this config's client secret: it concerns no other config."""
    sentence = "Type the client secret again: this one cannot be used here."
    return Failure("client_fault", "config", code, "type-secret-again", sentence, text)


def _transient(code: str, text: str, cure_id: str) -> Failure:
    return Failure("transient_alarm", "provider", code, cure_id, cure(cure_id), text)
