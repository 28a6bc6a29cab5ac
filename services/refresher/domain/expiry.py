"""Which expiry events a record calls for: a comparison of what should be open with what was told.

A cause is told once per stage until it is gone; a config that goes off settles all of its causes at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from grantkeeper.oauth2.errors import cure
from schemas.expiry_events import ConfigWentOff, ExpiryRecovered, ExpiryReported
from schemas.reasons import NotificationKind
from services.refresher.domain.record import Record
from services.refresher.domain.schedule import ENDS_SOON_DAYS, NEVER_AUTHORIZED_AFTER, secret_ends_at
from services.refresher.domain.status import wrong_account

GOOGLE_TESTING_LIFE: Final = timedelta(days=7)
"""Google ends refresh tokens of apps in publishing status "Testing" after 7 days (reported as 604799 s)."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One open cause of a record."""

    kind: NotificationKind
    cure_id: str
    cure: str
    stage: str = "open"
    text: str = ""
    ends_at: datetime | None = None


LASTING: Final = "look-if-it-lasts"
LEFT_ALONE: Final = "The provider fails: it is asked for one token at a time until it is back."
PATIENCE: Final = "The provider asked for patience: until then nothing is sent for this client."
SIGN_IN: Final = "sign-in-again"
NEVER: Final = "Request a new token: nobody has logged in yet."
LOST: Final = "An answer of the provider was lost after it had replaced the refresh token. Log in again."

SHARED: Final = (
    "Another token config holds the same refresh token, and each uses it up for the other: log in again with another "
    "account, or delete one of them."
)

ExpiryEvent = ExpiryReported | ExpiryRecovered | ConfigWentOff


LASTS: Final = 4
"""Failed attempts in a row, about two minutes, after which something that should pass by itself is told."""

CONFIRMED_BY: Final = 2
"""Failed attempts after which a refusal of the client is told for this config: where it is the fault of the whole
client, another config's token confirms that before, and one notice tells it for all."""


def notices(record: Record, now: datetime, *, client_faulty: bool = False, untried: str = "") -> Iterator[Notice]:
    """Yield what should be open for a record that serves; a client's fault is told once for the client, elsewhere.

    `untried`: why it is not even tried, where that is so.
    """
    if record.is_off:
        return
    if not client_faulty:
        yield from _of_its_own_client(record)
        yield from _of_the_access_token(record, untried)
    yield from _of_the_state(record, now)
    yield from _of_the_config(record)
    yield from _of_an_alarm(record)
    yield from _of_the_grant(record)
    yield from _ending_soon(record, now)


def _of_its_own_client(record: Record) -> Iterator[Notice]:
    error = record.last_error
    if error is None or error.meaning != "client_fault":
        return
    if record.error_scope == "config" or record.failures >= CONFIRMED_BY:
        yield Notice("client_fault", error.cure_id, error.cure, text=error.text)


def _of_the_access_token(record: Record, untried: str) -> Iterator[Notice]:
    """Refreshing fails by the record's own attempts or by those of others; once told it lasts until the end is over."""
    error = record.last_error
    if record.state != "expired" or not (record.failures or untried or "expired_token" in record.told):
        return
    if error is not None and record.failures:
        yield Notice("expired_token", error.cure_id, error.cure, text=error.text)
    else:
        yield Notice("expired_token", LASTING, cure(LASTING), text=untried or LEFT_ALONE)


def _of_the_state(record: Record, now: datetime) -> Iterator[Notice]:
    error = record.last_error
    text = error.text if error is not None else ""
    if record.state == "reauthorization_required" and record.grant.lost_rotation:
        yield Notice("lost_rotation", SIGN_IN, LOST, text=text)
    elif record.state == "reauthorization_required":
        yield Notice("expired_refresh_token", SIGN_IN, "Request a new token: log in again.", text=text)
    if record.state == "not_authorized" and record.created_at + NEVER_AUTHORIZED_AFTER <= now:
        cure = (error.cure_id, error.cure) if record.mints and error is not None else (SIGN_IN, NEVER)
        yield Notice("never_authorized", *cure, text=text)


def _of_the_config(record: Record) -> Iterator[Notice]:
    error = record.last_error
    if error is not None and error.meaning in {"config_fault", "policy"} and record.failures:
        yield Notice("config_fault", error.cure_id, error.cure, text=error.text)


def _of_an_alarm(record: Record) -> Iterator[Notice]:
    """What may pass by itself is told when it lasts, in good time where the access token still lives."""
    error = record.last_error
    told_as_expired = record.state == "expired" and record.config.notify_expired_token
    if error is not None and error.meaning == "transient_alarm" and record.failures >= LASTS and not told_as_expired:
        yield Notice("refreshing_fails", error.cure_id, error.cure, text=error.text)


def _of_the_grant(record: Record) -> Iterator[Notice]:
    grant = record.grant
    if wrong_account(record):
        expected = record.config.options.mailbox_login
        yield Notice(
            "wrong_account",
            SIGN_IN,
            f"{grant.account} logged in, {expected} was expected: log in with the right account, or correct the login.",
        )
    if grant.quarantine:
        yield Notice(
            "quarantined_refresh_token",
            SIGN_IN,
            "Two answers of the provider crossed; one refresh token is kept aside. Log in again if refreshing fails.",
        )
    if grant.shared_with is not None:
        yield Notice("shared_refresh_token", SIGN_IN, SHARED, text=f"The other one is {grant.shared_with}.")
    if _is_testing_mode(record):
        yield Notice(
            "testing_mode_app",
            "publish-app",
            "The app is in testing mode, so logins end after 7 days: publish it at the provider, then log in again.",
            ends_at=grant.ends_at,
        )


def _is_testing_mode(record: Record) -> bool:
    """Tell whether a Google login ends after exactly the 7 days of an app in testing mode."""
    grant = record.grant
    if grant.ends_at is None or grant.authorized_at is None or "google" not in (grant.token_host or ""):
        return False
    return grant.ends_at - grant.authorized_at <= GOOGLE_TESTING_LIFE


def _ending_soon(record: Record, now: datetime) -> Iterator[Notice]:
    secret, end = secret_ends_at(record), record.grant.ends_at
    if secret is not None and (stage := _stage(secret, now)):
        cure = "Make a new client secret at the provider and put it into this token config."
        yield Notice("client_secret_ends", "new-client-secret", cure, stage, ends_at=secret)
    if end is not None and record.grant.state == "authorized" and (stage := _stage(end, now)):
        cure = "Request a new token before that day: log in again."
        yield Notice("refresh_token_ends", SIGN_IN, cure, stage, ends_at=end)


def _stage(end: datetime, now: datetime) -> str | None:
    """Return the number of days that was passed last, as text; None while the end is far."""
    left = end - now
    passed = [days for days in ENDS_SOON_DAYS if left <= timedelta(days=days)]
    return str(min(passed)) if passed else None


def expiry_events(
    told: Mapping[str, str],
    record: Record,
    now: datetime,
    *,
    client_faulty: bool = False,
    untried: str = "",
) -> tuple[dict[str, str], tuple[ExpiryEvent, ...]]:
    """Compare a settled record with what was told before: what is told now, and the events that say so."""
    if record.is_off:
        return {}, (_went_off(record, now),) if told else ()
    opened = notices(record, now, client_faulty=client_faulty, untried=untried)
    wanted = {notice.kind: notice for notice in opened}
    events: list[ExpiryEvent] = [
        _reported(record, notice, now) for notice in wanted.values() if told.get(notice.kind) != notice.stage
    ]
    gone = [kind for kind in told if kind not in wanted]
    if gone:
        causes = tuple(f"{record.config_id}:{kind}" for kind in gone)
        events.append(ExpiryRecovered(causes=causes, config_id=record.config_id, at=now, sequence=record.sequence))
    return {notice.kind: notice.stage for notice in wanted.values()}, tuple(events)


def _went_off(record: Record, now: datetime) -> ConfigWentOff:
    return ConfigWentOff(
        config_id=record.config_id,
        why="config_deleted" if record.deleted else "config_off",
        at=now,
        sequence=record.sequence,
    )


def _reported(record: Record, notice: Notice, now: datetime) -> ExpiryReported:
    config = record.config
    return ExpiryReported(
        cause=f"{record.config_id}:{notice.kind}",
        kind=notice.kind,
        config_id=record.config_id,
        name=config.name,
        template=config.template,
        validity=config.validity,
        notify_expired_token=config.notify_expired_token,
        notify_expired_refresh_token=config.notify_expired_refresh_token,
        cure_id=notice.cure_id,
        cure=notice.cure,
        text=notice.text,
        at=now,
        ends_at=notice.ends_at,
        sequence=record.sequence,
    )
