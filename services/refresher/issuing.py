"""Turns the answer of a token endpoint into what is stored: encrypted, dated by the database's time, with account."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from pydantic import SecretStr

from grantkeeper.crypto.errors import DecryptionError
from grantkeeper.oauth2.id_token import UnusableIdToken, read_id_token
from grantkeeper.oauth2.token_response import TokenResponse
from services.refresher.domain.grant import Issued
from services.refresher.domain.record import Record
from services.refresher.domain.schedule import same_again_until, wanted_from
from services.refresher.secrets_at_rest import Secrets


class Issuing:
    """Makes `Issued` of responses."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def issued(
        self,
        record: Record,
        response: TokenResponse,
        host: str | None,
        sent_at: datetime,
        authorized_at: datetime | None = None,
    ) -> Issued:
        """Encrypt and date an answer; lifetimes count from the sending, so that none is believed longer than it is.

        `authorized_at` is the time of the login that the grant comes from; None = this very answer is it.
        """
        config_id = record.config_id
        refresh_token = response.refresh_token
        expires_at = sent_at + timedelta(seconds=response.expires_in)
        fixed = tuple(_fixed(record, response, sent_at, authorized_at or sent_at))
        return Issued(
            access_token=self._secrets.keep_access_token(config_id, response.access_token),
            obtained_at=sent_at,
            expires_at=expires_at,
            renew_at=self._renew_at(record, response, sent_at, expires_at),
            refresh_token=None if refresh_token is None else self._secrets.keep_refresh_token(config_id, refresh_token),
            fingerprint=None if refresh_token is None else self._secrets.fingerprint(refresh_token),
            refresh_token_expires_at=min((*_moving(record, response, sent_at), *fixed), default=None),
            ends_at=min(fixed, default=None),
            scope=response.scope,
            account=_account(response.id_token, record.config.client_id or ""),
            token_host=host,
            by_previous=record.grant.falls_back,
        )

    def _renew_at(
        self, record: Record, response: TokenResponse, sent_at: datetime, expires_at: datetime
    ) -> datetime | None:
        """Say from when another access token is to be had."""
        if response.refresh_in is not None:
            return wanted_from(response.refresh_in, sent_at, expires_at)
        same = self._is_stored(record, response.access_token)
        return same_again_until(record.grant, sent_at, expires_at) if same else None

    def _is_stored(self, record: Record, access_token: SecretStr) -> bool:
        stored = record.grant.access_token
        try:
            return stored is not None and self._secrets.access_token(record.config_id, stored) == access_token
        except DecryptionError:
            return False


def _moving(record: Record, response: TokenResponse, sent_at: datetime) -> Iterator[datetime]:
    """Yield the ends of the refresh token that using it moves on."""
    options = record.config.options
    if response.refresh_token_expires_in is not None and options.rotation != "none":
        yield sent_at + timedelta(seconds=response.refresh_token_expires_in)
    if options.refresh_token_idle_days is not None:
        yield sent_at + timedelta(days=options.refresh_token_idle_days)


def _fixed(record: Record, response: TokenResponse, sent_at: datetime, authorized_at: datetime) -> Iterator[datetime]:
    """Yield the ends that no use moves: said by the provider, or by the config's rules."""
    options = record.config.options
    if response.refresh_token_expires_in is not None and options.rotation == "none":
        yield sent_at + timedelta(seconds=response.refresh_token_expires_in)
    if response.authorization_expires_in is not None:
        yield sent_at + timedelta(seconds=response.authorization_expires_in)
    if options.refresh_token_max_days is not None:
        yield authorized_at + timedelta(days=options.refresh_token_max_days)


def _account(id_token: SecretStr | None, client_id: str) -> str | None:
    """Read who logged in.

    The signature is not checked: the token came over TLS from the token endpoint itself, which OpenID Connect Core
    3.1.3.7 (6) accepts in its place, and it serves for nothing but a name.
    """
    if id_token is None:
        return None
    try:
        account = read_id_token(id_token, client_id=client_id)
    except UnusableIdToken:
        return None
    return account.login or account.subject
