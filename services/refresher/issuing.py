"""Turns the answer of a token endpoint into what is stored: encrypted, dated by the database's time, with account."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from pydantic import SecretStr

from grantkeeper.oauth2.id_token import UnusableIdToken, read_id_token
from grantkeeper.oauth2.token_response import TokenResponse
from services.refresher.domain.grant import Issued, Straggler
from services.refresher.domain.record import Record
from services.refresher.secrets_at_rest import Secrets


class Issuing:
    """Makes `Issued` of responses."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def issued(self, record: Record, response: TokenResponse, host: str | None, sent_at: datetime) -> Issued:
        """Encrypt and date an answer; lifetimes count from the sending, so that none is believed longer than it is."""
        config_id = record.config_id
        refresh_token = response.refresh_token
        return Issued(
            access_token=self._secrets.keep_access_token(config_id, response.access_token),
            obtained_at=sent_at,
            expires_at=sent_at + timedelta(seconds=response.expires_in),
            refresh_token=None if refresh_token is None else self._secrets.keep_refresh_token(config_id, refresh_token),
            fingerprint=self._secrets.fingerprint(refresh_token),
            refresh_token_expires_at=min(_ends(record, response, sent_at), default=None),
            scope=response.scope,
            account=_account(response.id_token, record.config.client_id or ""),
            token_host=host,
        )

    def straggler(self, record: Record, refresh_token: SecretStr) -> Straggler:
        """Encrypt a refresh token that came without an access token."""
        kept = self._secrets.keep_refresh_token(record.config_id, refresh_token)
        return Straggler(kept, self._secrets.fingerprint(refresh_token) or "")


def _ends(record: Record, response: TokenResponse, sent_at: datetime) -> Iterator[datetime]:
    """Yield every known end of the refresh token: said by the provider, or by the config's rules."""
    for seconds in (response.refresh_token_expires_in, response.authorization_expires_in):
        if seconds is not None:
            yield sent_at + timedelta(seconds=seconds)
    options = record.config.options
    if options.refresh_token_idle_days is not None:
        yield sent_at + timedelta(days=options.refresh_token_idle_days)
    if options.refresh_token_max_days is not None:
        yield (record.grant.authorized_at or sent_at) + timedelta(days=options.refresh_token_max_days)


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
