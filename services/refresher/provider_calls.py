"""Everything the refresher asks of providers, one request each (calling.py sends it). Nothing is stored here.

A refresh token goes only to the host that it was granted by, and at its end to what that one's issuer names; every
other address is refused before anything is sent.
"""

from typing import Protocol

from pydantic import SecretStr

from grantkeeper.bus.delivery import Instruments
from grantkeeper.crypto.errors import DecryptionError
from grantkeeper.oauth2.client_auth import Client
from grantkeeper.oauth2.client_identity import may_go_to
from grantkeeper.oauth2.device import (
    DeviceAuthorization,
    UnusableDeviceAnswer,
    device_request,
    poll_request,
    read_device_answer,
)
from grantkeeper.oauth2.discovery import DiscoveryFailed, Endpoints, host
from grantkeeper.oauth2.errors import Failure, cure, read_http_error
from grantkeeper.oauth2.http_errors import HttpError
from grantkeeper.oauth2.revocation import read_revocation, revocation_request
from grantkeeper.oauth2.token_request import (
    TokenRequest,
    client_credentials_request,
    code_request,
    jwt_bearer_request,
    refresh_request,
)
from schemas.token_config import TokenConfig
from services.refresher.calling import Called, Calling, Http, Refused, address_fault, own_fault
from services.refresher.client_secrets import ClientSecrets
from services.refresher.database_time import DatabaseTime
from services.refresher.domain.record import Record
from services.refresher.domain.recovery import to_send
from services.refresher.domain.status import scope_set
from services.refresher.secrets_at_rest import Secrets


class EndpointSource(Protocol):
    """Where a config's requests go (discovery.py)."""

    async def of(self, record: Record) -> Endpoints:
        """Return the endpoints, fetching the issuer's metadata where they are not known; raises DiscoveryFailed."""
        ...


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
        self._calling = Calling(http, client_secrets, time, instruments)
        self._endpoints = endpoints
        self._secrets = secrets
        self._time = time

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
            return self._calling.unsent(refused.failure)
        except DecryptionError as error:
            return self._calling.unsent(own_fault("secret_unreadable", str(error)))

        def request(client: Client) -> TokenRequest:
            return refresh_request(_as_granted(record), client, endpoint=url, refresh_token=refresh_token)

        return await self._calling.by_its_secrets(record, url, request, send_by)

    async def redeem(self, record: Record, send_by: float, refresh_token: SecretStr) -> Called:
        """Use a refresh token that is not stored yet; raises TooLate."""
        try:
            url = _known((await self._endpoints_of(record)).token_by_refresh)
        except Refused as refused:
            return self._calling.unsent(refused.failure)

        def request(client: Client) -> TokenRequest:
            return refresh_request(record.config, client, endpoint=url, refresh_token=refresh_token)

        return await self._calling.by_its_secrets(record, url, request, send_by)

    async def mint(self, record: Record, send_by: float) -> Called:
        """Ask in the client's own name (RFC 6749 section 4.4, RFC 7523 section 2.1); raises TooLate."""
        try:
            url = _known((await self._endpoints_of(record)).renewing(record.config.auth_flow))
        except Refused as refused:
            return self._calling.unsent(refused.failure)

        def request(client: Client) -> TokenRequest:
            if client.assertion is not None and record.config.auth_flow == "JWTBearer":
                return jwt_bearer_request(record.config, endpoint=url, assertion=client.assertion)
            return client_credentials_request(record.config, client, endpoint=url)

        return await self._calling.by_its_secrets(record, url, request, send_by)

    async def exchange(
        self, record: Record, send_by: float, *, code: SecretStr, redirect_uri: str, verifier: SecretStr
    ) -> Called:
        """Exchange an authorization code (RFC 6749 section 4.1.3): once, unless the client itself is refused.

        Raises TooLate.
        """
        try:
            url = _known((await self._endpoints_of(record)).token_by_code)
        except Refused as refused:
            return self._calling.unsent(refused.failure)

        def request(client: Client) -> TokenRequest:
            return code_request(
                record.config, client, endpoint=url, code=code, redirect_uri=redirect_uri, code_verifier=verifier
            )

        return await self._calling.by_its_secrets(record, url, request, send_by, by_code=True)

    async def start_device(self, record: Record, send_by: float) -> DeviceAuthorization | Failure:
        """Fetch a code for a login on another device (RFC 8628 section 3.1); raises TooLate."""
        try:
            url = _known((await self._endpoints_of(record)).device_authorization)
            return await self._calling.otherwise(
                record,
                url,
                lambda client: device_request(record.config, client, endpoint=url),
                lambda request, answer: read_device_answer(request, answer, now=self._time.now()),
                send_by,
            )
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
        except Refused as refused:
            return self._calling.unsent(refused.failure)

        def request(client: Client) -> TokenRequest:
            return poll_request(client, endpoint=url, device_code=device_code)

        return await self._calling.by_its_secrets(record, url, request, send_by)

    async def revoke(self, record: Record, send_by: float) -> Failure | bool:
        """End the grant at the provider (RFC 7009): True = done, False = no endpoint for that; raises TooLate."""
        try:
            url = (await self._endpoints_of(record)).revocation
            if url is None:
                return False
            _only_where_granted(record, url)
            return await self._calling.otherwise(
                record,
                url,
                lambda client: self._revocation(record, client, url),
                lambda request, answer: read_revocation(request, answer, now=self._time.now()) or True,
                send_by,
            )
        except Refused as refused:
            return refused.failure
        except DecryptionError as error:
            return own_fault("secret_unreadable", str(error))
        except HttpError as error:
            return read_http_error(error)

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


def _as_granted(record: Record) -> TokenConfig:
    """Ask for no other scope than was granted (RFC 6749 section 6): a wider one waits for a new login."""
    asked = record.grant.asked_scope
    if scope_set(asked) == scope_set(record.config.scope):
        return record.config
    return record.config.model_copy(update={"scope": asked})


def _known(url: str | None) -> str:
    if url is None:
        raise Refused(address_fault("the config names no address for this request, and discovery found none"))
    return url


def _only_to(granted_by: str | None, url: str) -> None:
    if granted_by is not None and host(url) != granted_by:
        raise Refused(address_fault(f"the refresh token was granted by {granted_by} and goes to no other host"))


def _only_where_granted(record: Record, url: str) -> None:
    """Refuse to revoke at a stranger's: the config may name another issuer since the grant was given."""
    grant = record.grant
    if host(url) == grant.token_host or (grant.origin == record.origin and may_go_to(record.config, url)):
        return
    raise Refused(address_fault(f"the grant was given by {grant.token_host} and is not shown to {host(url)}"))


def _transient(code: str, text: str, cure_id: str) -> Failure:
    return Failure("transient_alarm", "provider", code, cure_id, cure(cure_id), text)
