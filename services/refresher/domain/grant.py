"""The state machine of a grant: pure transitions from one record to the next.

A refresh token is never deleted by an error, only by a command. Whoever stores a transition settles it first.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from grantkeeper.oauth2.errors import Failure
from schemas.config_events import ConfigChanged
from schemas.token_config import RotationRule
from schemas.token_status import LastError
from services.refresher.domain.record import ATTEMPTS_KEPT, Attempt, DeviceLogin, Grant, Origin, Quarantined, Record
from services.refresher.domain.recovery import after_refusal, wait_after
from services.refresher.domain.schedule import may_refresh, next_due
from services.refresher.domain.status import public_state

QUARANTINE_MAX = 5
"""Refresh tokens kept aside; more than a few of them mean that somebody must look, not that we must store."""


class Login(Protocol):
    """What a login was started for."""

    @property
    def state_hash(self) -> str: ...
    @property
    def origin(self) -> Origin: ...
    @property
    def scope(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Issued:
    """What a token endpoint yielded, encrypted, in the database's time."""

    access_token: str = field(repr=False)
    obtained_at: datetime
    expires_at: datetime
    renew_at: datetime | None = None
    refresh_token: str | None = field(default=None, repr=False)
    fingerprint: str | None = None
    refresh_token_expires_at: datetime | None = None
    ends_at: datetime | None = None
    scope: str | None = None
    account: str | None = None
    token_host: str | None = None
    by_previous: bool = False
    """It was the previous refresh token that worked."""


def refreshed(record: Record, issued: Issued) -> Record:
    """Take a success of a refresh or a mint."""
    old = _as_used(record.grant, by_previous=issued.by_previous)
    grant = _with_access_token(old, issued)
    grant = replace(grant, authorized_at=old.authorized_at or issued.obtained_at, origin=old.origin or record.origin)
    return _well(replace(record, grant=_with_refresh_token(grant, old, issued)))


def authorized(record: Record, issued: Issued, login: Login) -> Record:
    """Take the grant of a new login; the old one ends here and not before.

    It belongs to the client that the login was started for, even if the config names another one meanwhile.
    """
    old = record.grant
    grant = replace(
        _with_access_token(old, issued),
        authorized_at=issued.obtained_at,
        authorization=login.state_hash,
        origin=login.origin,
        asked_scope=login.scope,
        scope=issued.scope or login.scope,
        account=issued.account,
        ends_at=issued.ends_at,
        quarantine=(),
        shared_with=None,
    )
    if issued.refresh_token is not None:
        grant = _without_previous(_with_refresh_token(grant, old, issued))
    elif not _same_holder(record.grant, grant):
        grant = _without_previous(replace(grant, refresh_token=None, fingerprint=None))
    return _well(replace(record, grant=grant, authorizing_until=None, device=None))


def _with_access_token(old: Grant, issued: Issued) -> Grant:
    return replace(
        old,
        state="authorized",
        generation=old.generation + 1,
        access_token=issued.access_token,
        obtained_at=issued.obtained_at,
        expires_at=issued.expires_at,
        renew_at=issued.renew_at,
        scope=issued.scope or old.scope,
        account=issued.account or old.account,
        token_host=issued.token_host or old.token_host,
        ends_at=issued.ends_at or old.ends_at,
        unknown=0,
        lost_rotation=False,
    )


def _with_refresh_token(grant: Grant, old: Grant, issued: Issued) -> Grant:
    """Take a new refresh token; the one that was just used is kept until the new one has worked."""
    if issued.refresh_token is None or issued.fingerprint == old.fingerprint:
        ends = issued.refresh_token_expires_at or old.refresh_token_expires_at
        return _without_previous(replace(grant, refresh_token_expires_at=ends))
    return replace(
        grant,
        refresh_token=issued.refresh_token,
        fingerprint=issued.fingerprint,
        previous_refresh_token=old.refresh_token,
        previous_fingerprint=old.fingerprint,
        falls_back=False,
        refresh_token_expires_at=issued.refresh_token_expires_at,
    )


def _as_used(grant: Grant, *, by_previous: bool) -> Grant:
    """See the refresh token that has just worked as the stored one; the refused one gives way to it."""
    if not by_previous or grant.previous_refresh_token is None:
        return grant
    worked, fingerprint = grant.previous_refresh_token, grant.previous_fingerprint
    return _without_previous(replace(grant, refresh_token=worked, fingerprint=fingerprint))


def _without_previous(grant: Grant) -> Grant:
    return replace(grant, previous_refresh_token=None, previous_fingerprint=None, falls_back=False)


def _same_holder(old: Grant, new: Grant) -> bool:
    """Tell whether a stored refresh token may serve on after a login that brought none: same client, same account.

    Providers give none where consent was there already (Google without prompt=consent). The refresh token of another
    account would silently change the mailbox with the next refresh.
    """
    same_account = old.account is None or new.account is None or old.account == new.account
    return old.origin == new.origin and same_account


def _well(record: Record) -> Record:
    return replace(record, failures=0, last_error=None, error_scope=None, not_before=None)


@dataclass(frozen=True, slots=True)
class Straggler:
    """A refresh token that came without an access token: the stored one may be used up."""

    refresh_token: str = field(repr=False)
    fingerprint: str
    by_previous: bool = False


def failed(record: Record, failure: Failure, now: datetime, chance: float) -> Record:
    """Take an attempt that yielded no access token."""
    failures, grant = record.failures + 1, record.grant
    if failure.attempt_class == "ambiguous":
        grant = replace(grant, unknown=grant.unknown + 1)
    if failure.attempt_class == "reauthorization" and not record.mints:
        grant = _refused(grant, record.config.options.rotation)
    at_once = _at_once(record.grant, grant, failure)
    return replace(
        with_error(record, failure, now),
        grant=grant,
        failures=failures,
        not_before=None if at_once else now + wait_after(failure, failures, chance),
    )


def broke_off(record: Record, failure: Failure, now: datetime, chance: float, *, sent: bool) -> Record:
    """Take an attempt that ended by our own mistake; `sent`: a refresh token may have left, its answer unread."""
    after = failed(record, failure, now, chance)
    wait_until = after.not_before or now
    device = after.device and replace(after.device, poll_at=max(after.device.poll_at, wait_until))
    unknown = after.grant.unknown + int(sent)
    return replace(after, device=device, not_before=wait_until, grant=replace(after.grant, unknown=unknown))


def _refused(grant: Grant, rule: RotationRule) -> Grant:
    verdict = after_refusal(grant, rule)
    if verdict == "try_previous":
        return replace(grant, falls_back=True)
    return replace(grant, state="reauthorization_required", lost_rotation=verdict == "lost_rotation")


def straggled(record: Record, straggler: Straggler) -> Record:
    """Take a refresh token that came without an access token, before what else its answer means."""
    used = _as_used(record.grant, by_previous=straggler.by_previous)
    if straggler.fingerprint == used.fingerprint:
        return record
    grant = replace(
        used,
        generation=used.generation + 1,
        refresh_token=straggler.refresh_token,
        fingerprint=straggler.fingerprint,
        previous_refresh_token=used.refresh_token,
        previous_fingerprint=used.fingerprint,
        falls_back=False,
        unknown=0,
    )
    return replace(record, grant=grant)


def _at_once(before: Grant, after: Grant, failure: Failure) -> bool:
    """Tell whether no time is to be lost: after the first unknown outcome, and before the previous refresh token."""
    first_unknown = failure.attempt_class == "ambiguous" and after.unknown == 1
    return first_unknown or (after.falls_back and not before.falls_back)


def tries_again_at_once(record: Record) -> bool:
    """Tell whether waiters are better off with the next try than with the failure of the last one."""
    grant = record.grant
    failing = record.failures > 0 and record.not_before is None and may_refresh(record)
    return failing and (grant.unknown == 1 or grant.falls_back)


def with_attempt(record: Record, attempt: Attempt) -> Record:
    """Add an attempt to the history."""
    return replace(record, attempts=(*record.attempts, attempt)[-ATTEMPTS_KEPT:])


def with_error(record: Record, failure: Failure, now: datetime) -> Record:
    """Note what went wrong, for people."""
    error = LastError(
        at=now,
        meaning=failure.attempt_class,
        code=failure.code,
        text=failure.text,
        cure_id=failure.cure_id,
        cure=failure.cure,
        correlation_id=failure.correlation_id,
    )
    return replace(record, last_error=error, error_scope=failure.scope)


def authorization_started(record: Record, until: datetime) -> Record:
    """Note that a login is in progress."""
    return replace(record, authorizing_until=until)


def authorization_failed(record: Record, failure: Failure, now: datetime) -> Record:
    """Take a login that yielded nothing: the grant stays as it was."""
    return replace(with_error(record, failure, now), authorizing_until=None)


def device_started(record: Record, device: DeviceLogin) -> Record:
    """Note a login on another device; one that was in progress gives way."""
    return replace(record, device=device, authorizing_until=device.expires_at)


def device_waits(record: Record, interval: int, now: datetime) -> Record:
    """Ask again after `interval` seconds."""
    if record.device is None:
        return record
    later = replace(record.device, interval=interval, poll_at=now + timedelta(seconds=interval))
    return replace(record, device=later)


def device_failed(record: Record, failure: Failure, now: datetime) -> Record:
    """Take a login on another device that yielded nothing: the grant stays as it was."""
    return replace(authorization_failed(record, failure, now), device=None)


def time_passed(record: Record, now: datetime) -> Record:
    """Forget a login that was not finished in time; everything else follows from the times themselves."""
    ended = record.authorizing_until is not None and record.authorizing_until <= now
    return replace(record, authorizing_until=None) if ended else record


def revoked(record: Record) -> Record:
    """End the grant by command: the one transition that deletes tokens."""
    old = record.grant
    held = old.access_token is not None or old.refresh_token is not None
    generation = old.generation + 1 if held else old.generation
    grant = Grant(state="revoked", generation=generation, account=old.account, authorized_at=old.authorized_at)
    return _well(replace(record, grant=grant, authorizing_until=None, device=None))


def shared(record: Record, other: str | None) -> Record:
    """Note which other config holds the same refresh token; None = no other does."""
    return replace(record, grant=replace(record.grant, shared_with=other))


def quarantined(record: Record, refresh_token: str, fingerprint: str, generation: int, now: datetime) -> Record:
    """Keep a refresh token that came back after another one had been stored, unless the grant holds it already."""
    if record.grant.holds(fingerprint):
        return record
    kept = (*record.grant.quarantine, Quarantined(refresh_token, generation, now, fingerprint))[-QUARANTINE_MAX:]
    return replace(record, grant=replace(record.grant, quarantine=kept))


def config_changed(
    record: Record | None, event: ConfigChanged, *, client: str, origin: Origin, now: datetime
) -> Record:
    """Take a newer state of the config; the grant is left as it is."""
    changed = replace(
        record or _new(event, client, origin, now),
        config=event.config.model_copy(update={"client_secret": None}),
        secret=event.config.client_secret,
        revision=event.revision,
        config_sequence=event.sequence,
        former_names=event.former_names,
        deleted=event.deleted,
        client=client,
        origin=origin,
    )
    return changed if record is None or event.revision == record.revision else _another_chance(changed)


def _new(event: ConfigChanged, client: str, origin: Origin, now: datetime) -> Record:
    return Record(
        config_id=event.config_id,
        config=event.config,
        revision=event.revision,
        config_sequence=event.sequence,
        client=client,
        origin=origin,
        created_at=now,
        changed_at=now,
    )


def _another_chance(record: Record) -> Record:
    """Try again at once after an edit, where a fault waited for one."""
    waited = record.last_error is not None and record.last_error.meaning in {"client_fault", "config_fault", "policy"}
    return replace(record, not_before=None, failures=0) if waited else record


def purged(record: Record, sequence: int) -> Record:
    """Take the end of a config: the attempt loop revokes and removes."""
    return replace(record, purged=True, deleted=True, config_sequence=sequence)


def settled(record: Record, now: datetime) -> Record:
    """Compute what follows from a transition: state, due time, sequence.

    The state is the record's own: a paused client is joined by readers, else its cure would be a write per grant.
    """
    return replace(
        record,
        state=public_state(record, now),
        due=next_due(record, now),
        sequence=record.sequence + 1,
        changed_at=now,
    )
