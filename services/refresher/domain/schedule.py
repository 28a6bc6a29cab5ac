"""When a record is due, and what is to be done about it then.

Refresh early: a lead before expiry, and before that a spread by the config's id, so that grants which were authorized
together do not fall due together. Passing `expires_at` is a due time of its own, so that `expired` is written and told.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from services.refresher.domain.record import DeviceLogin, Grant, Record, Wish, WishKind
from services.refresher.domain.status import renewable

LEAD_SHARE: Final = 0.2
"""Share of the lifetime that is kept in reserve: time for retries while the access token still works."""
LEAD_MIN: Final = timedelta(seconds=10)
LEAD_MAX: Final = timedelta(seconds=300)
"""More reserve than five minutes helps no retry and only costs calls."""
SPREAD: Final = 0.5
"""Share of the time until the lead over which due times are spread: 10,000 grants of one minute then make less than
twice the mean rate."""
KEEP_ALIVE: Final = timedelta(days=7)
"""Idle limits of refresh tokens start at 7 days (Okta); used only where nothing else refreshes and no rule is given."""
REPORT_FLOOR: Final = timedelta(seconds=60)
"""A mail server that rejects a token younger than this rejects the next one too; Zoho allows 10 calls in 10 minutes."""
SAME_AGAIN: Final = timedelta(seconds=60)
"""Some providers give the same access token until near its end: asked each time half of the rest is over, they would be
asked without end."""
SOONEST: Final = timedelta(seconds=5)
"""No access token is renewed by itself sooner after the last one: a lifetime of a second must not become a storm."""
FORCED_FLOOR: Final = timedelta(seconds=10)
"""No more than two attempts in so long are made by command: Microsoft calls more a loop (AADSTS50196)."""
NEVER_AUTHORIZED_AFTER: Final = timedelta(hours=1)
"""An admin who just added a config is still at it."""
ENDS_SOON_DAYS: Final = (30, 14, 7, 1)


@dataclass(frozen=True, slots=True)
class StartLogin:
    """Fetch the provider's addresses and start a login in the browser."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class ExchangeCode:
    """Send the authorization code of a `complete`."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class Revoke:
    """End the grant, at the provider as far as it can."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class Adopt:
    """Use a refresh token that somebody handed in, and keep it if it works."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class StartDevice:
    """Fetch a code for a login on another device."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class PollDevice:
    """Ask whether the code was entered."""

    device: DeviceLogin


@dataclass(frozen=True, slots=True)
class Purge:
    """Revoke as far as possible, then forget the record."""


@dataclass(frozen=True, slots=True)
class Refresh:
    """Ask for a new access token by the refresh token."""


@dataclass(frozen=True, slots=True)
class Mint:
    """Ask for a new access token by the client's own credentials."""


@dataclass(frozen=True, slots=True)
class Settle:
    """Nothing to send: write what time alone has changed, and answer who waits."""


LoginCall = StartLogin | ExchangeCode | Adopt | StartDevice | PollDevice
"""What brings a grant."""
Call = LoginCall | Revoke | Purge | Refresh | Mint
"""What needs the provider."""
Action = Call | Settle

_OF_WISHES: Final[Mapping[WishKind, Callable[[Wish], Call]]] = MappingProxyType(
    {"start": StartLogin, "complete": ExchangeCode, "device": StartDevice, "adopt": Adopt, "revoke": Revoke}
)


def plan(record: Record, now: datetime) -> Action:
    """Decide what the holder of the lease does."""
    if record.purged:
        return Purge()
    for wish in record.wishes:
        if wish.kind in _OF_WISHES:
            return _OF_WISHES[wish.kind](wish)
    if record.device is not None and record.device.poll_at <= now:
        return PollDevice(record.device)
    if may_refresh(record) and _wants_refresh(record, now):
        return Mint() if record.mints else Refresh()
    return Settle()


def may_refresh(record: Record) -> bool:
    """Tell whether attempts are made for a record at all."""
    return renewable(record) and not record.deleted and record.config.validity != "invalid"


def _wants_refresh(record: Record, now: datetime) -> bool:
    """An admin's wish breaks the wait after a failure; a mail module's report waits like everybody else."""
    wished = {wish.kind for wish in record.wishes if not wish.is_overtaken(record.grant)}
    if "refresh" in wished and _forced_from(record, now) <= now:
        return True
    if record.not_before is not None and record.not_before > now:
        return False
    at = refresh_at(record)
    return "report_rejected" in wished or _presses(record) or (at is not None and at <= now)


def _presses(record: Record) -> bool:
    return bool(record.waiters) or record.grant.unknown > 0


def _forced_from(record: Record, now: datetime) -> datetime:
    """Return when a command may have another attempt made."""
    return max(now, record.attempts[-2].at + FORCED_FLOOR) if len(record.attempts) > 1 else now


def _wish_at(record: Record, wish: Wish, now: datetime) -> datetime:
    """Return when a wish is worked on."""
    if wish.is_overtaken(record.grant) or not may_refresh(record):
        return now
    if wish.kind == "report_rejected":
        return _allowed(record, now)
    return _forced_from(record, now) if wish.kind == "refresh" else now


def next_due(record: Record, now: datetime) -> datetime | None:
    """Return the next time at which somebody must look at this record; None = only an event can change it."""
    if record.lease is not None:
        return record.lease.until
    if record.purged:
        return _allowed(record, now)
    if record.waiters and not may_refresh(record):
        return now
    wished = [_wish_at(record, wish, now) for wish in record.wishes]
    return min((*wished, *_due_times(record, now)), default=None)


def _allowed(record: Record, now: datetime) -> datetime:
    return max(now, record.not_before or now)


def next_refresh_at(record: Record, now: datetime) -> datetime | None:
    """Return when the next attempt is due by itself, for people; None where none will be made."""
    at = refresh_at(record) if may_refresh(record) else None
    if at is None:
        return None
    return max(at, record.not_before or at, now)


def _due_times(record: Record, now: datetime) -> Iterator[datetime]:
    if record.device is not None:  # also of a config that went off meanwhile: its login is ended then
        yield max(now, record.device.poll_at)
    if record.deleted or record.config.validity == "invalid":
        return
    refresh = next_refresh_at(record, now)
    if refresh is not None:
        yield _allowed(record, now) if _presses(record) else refresh
    yield from (moment for moment in _moments(record) if moment > now)


def _moments(record: Record) -> Iterator[datetime]:
    """Yield every time at which the public state or a notice changes without anybody's doing."""
    grant = record.grant
    if grant.expires_at is not None:
        yield grant.expires_at
    if record.authorizing_until is not None:
        yield record.authorizing_until
    if grant.state == "none":
        yield record.created_at + NEVER_AUTHORIZED_AFTER
    for end in ends(record):
        yield from (end - timedelta(days=days) for days in ENDS_SOON_DAYS)


def ends(record: Record) -> Iterator[datetime]:
    """Yield when the client secret and the grant end, where that is known."""
    secret = secret_ends_at(record)
    if secret is not None:
        yield secret
    if record.grant.ends_at is not None:
        yield record.grant.ends_at


def secret_ends_at(record: Record) -> datetime | None:
    """Return the start of the last day of the client secret (UTC)."""
    day = record.config.options.client_secret_ends
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)


def refresh_at(record: Record) -> datetime | None:
    """Return when the access token should be renewed, retries aside; None before there is one to renew."""
    grant = record.grant
    if record.mints and grant.state == "none":
        return record.created_at
    if grant.obtained_at is None:
        return None
    if record.config.validity == "invalid-temporarily":
        return grant.obtained_at + keep_alive(record)
    if grant.expires_at is None:
        return grant.obtained_at
    at = _planned(record, grant.obtained_at, grant.expires_at)
    return max(min(at, grant.obtained_at + keep_alive(record)), grant.obtained_at + SOONEST)


def keep_alive(record: Record) -> timedelta:
    """Return how long a refresh token may lie idle: by rule, else half of what the provider allows."""
    options, grant = record.config.options, record.grant
    if options.keep_alive_days is not None:
        return timedelta(days=options.keep_alive_days)
    if options.refresh_token_idle_days is not None:
        return timedelta(days=options.refresh_token_idle_days) / 2
    end = grant.refresh_token_expires_at
    if end is not None and end != grant.ends_at and grant.obtained_at is not None:
        return min(KEEP_ALIVE, (end - grant.obtained_at) / 2)
    return KEEP_ALIVE


def _planned(record: Record, obtained_at: datetime, expires_at: datetime) -> datetime:
    """Return when the access token wants a refresh; a margin that an admin set is kept to the second."""
    lifetime = expires_at - obtained_at
    margin = record.config.options.refresh_margin
    if margin is not None:
        return expires_at - min(timedelta(seconds=margin), lifetime * (1 - LEAD_SHARE))
    latest = expires_at - lead_of(lifetime)
    earliest = obtained_at if record.grant.renew_at is None else record.grant.renew_at
    if record.grant.renew_at is not None and earliest >= latest:
        return earliest
    return latest - (latest - earliest) * SPREAD * share_of(record.config_id)


def wanted_from(refresh_in: int, now: datetime, expires_at: datetime) -> datetime:
    """Return from when the provider wants the next refresh (`refresh_in`), the reserve for retries kept."""
    return min(now + timedelta(seconds=refresh_in), expires_at - lead_of(expires_at - now))


def same_again_until(grant: Grant, now: datetime, expires_at: datetime) -> datetime | None:
    """Return when to ask again after the provider has returned the stored access token; None = its life is longer now.

    Its own end is the latest moment: then another one must come.
    """
    if grant.expires_at is None or expires_at > grant.expires_at + SAME_AGAIN:
        return None
    return min(expires_at, max(now + SAME_AGAIN, now + (expires_at - now) / 2))


def lead_of(lifetime: timedelta) -> timedelta:
    """Return the reserve before expiry for a lifetime."""
    return min(max(lifetime * LEAD_SHARE, LEAD_MIN), LEAD_MAX, lifetime / 2)


@lru_cache(maxsize=65_536)  # asked for several times with every write
def share_of(config_id: str) -> float:
    """Return a number in [0, 1) that belongs to a config: the same in every process and at every time."""
    digest = hashlib.sha256(config_id.encode()).digest()
    return int.from_bytes(digest[:4]) / 2**32


def needed(obtained_at: datetime | None, expires_at: datetime | None, min_validity: float) -> timedelta:
    """Return the validity that a request may count on: as asked, but no more than half of a whole lifetime.

    Somebody who asks for an hour of a five-minute token would otherwise force a refresh with every request and never
    be served.
    """
    asked = timedelta(seconds=min_validity)
    if expires_at is None or obtained_at is None:
        return asked
    return min(asked, (expires_at - obtained_at) / 2)
