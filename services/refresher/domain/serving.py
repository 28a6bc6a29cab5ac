"""What somebody who asks for an access token gets: the token, a refusal with its reason, or the wait for a refresh."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas.reasons import ErrorCode
from services.refresher.domain.record import Record, Servable, Waiter, is_live
from services.refresher.domain.schedule import REPORT_FLOOR, needed
from services.refresher.domain.status import public_state, renewable

WAITERS_MAX: Final = 200
"""Who else asks is told to come again: a document must not grow with the number of its askers."""


@dataclass(frozen=True, slots=True)
class Serve:
    """Hand out the stored access token."""


@dataclass(frozen=True, slots=True)
class NeedsRefresh:
    """Only the end of an attempt can answer."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with an error; whether it may be asked again follows from the code."""

    code: ErrorCode
    message: str
    retry_after: float | None = None


Decision = Serve | NeedsRefresh | Refuse


def decide(record: Record, min_validity: float, now: datetime, *, client_faulty: bool = False) -> Decision:
    """Decide on a `get`: a live token is served in all but `off` and `revoked`, however refreshing fares."""
    at_once = decide_at_once(Servable.of(record), min_validity, now)
    return at_once or _without(record, now, client_faulty=client_faulty) or NeedsRefresh()


def decide_at_once(found: Servable, min_validity: float, now: datetime) -> Serve | Refuse | None:
    """Decide on a `get` as far as the stored access token allows; None = only the whole record tells."""
    return _never(found) or (Serve() if _good_for(found, min_validity, now) else None)


def _good_for(found: Servable, min_validity: float, now: datetime) -> bool:
    """Tell whether the stored access token lives, and lasts as long as asked."""
    if not is_live(found, now) or found.expires_at is None:
        return False
    return found.expires_at - now >= needed(found.obtained_at, found.expires_at, min_validity)


def decide_rejected(
    record: Record,
    generation: int,
    waiter: Waiter,
    now: datetime,
    *,
    client_faulty: bool = False,
    held_until: datetime | None = None,
) -> Decision | None:
    """Decide on a rejected token; None = as a `get`, since the one that was rejected is not the stored one any more.

    One refresh is forced, and no earlier than any other: never a loop against a provider that asked for patience.
    """
    if generation > record.grant.generation:
        return Refuse("generation_conflict", f"there is no generation {generation}: report the one that was handed out")
    if generation < record.grant.generation:
        return None
    young_until = record.grant.obtained_at and record.grant.obtained_at + REPORT_FLOOR
    if young_until is not None and young_until > now:
        return Refuse(
            "retry_later",
            "this access token is brand-new: a newer one would be rejected for the same reason",
            (young_until - now).total_seconds(),
        )
    refusal = _never(Servable.of(record)) or _without(record, now, client_faulty=client_faulty)
    return refusal or too_late(record, waiter, now, held_until) or NeedsRefresh()


def too_late(record: Record, waiter: Waiter, now: datetime, held_until: datetime | None = None) -> Refuse | None:
    """Refuse a waiter whose deadline lies before the next attempt; `held_until` is the client's."""
    waits = [moment for moment in (record.not_before, held_until) if moment is not None and moment > now]
    if not waits or waiter.deadline is None or waiter.deadline >= max(waits):
        return None
    return retry_later(record, now, max(waits))


def retry_later(record: Record, now: datetime, next_attempt: datetime | None = None) -> Refuse:
    """Name the time of the next attempt."""
    moment = next_attempt or record.not_before
    wait = max(0.0, (moment - now).total_seconds()) if moment is not None else 1.0
    text = record.last_error.text if record.last_error is not None else "the provider asked for patience"
    return Refuse("retry_later", f"refreshing fails at the moment: {text}", round(wait, 3))


def after_attempt(record: Record, waiter: Waiter, now: datetime, *, client_faulty: bool = False) -> Serve | Refuse:
    """Answer one waiter when an attempt has ended."""
    decision = decide(record, waiter.min_validity, now, client_faulty=client_faulty)
    if not isinstance(decision, NeedsRefresh):
        return decision
    if record.last_error is None:
        return Refuse("retry_later", "the attempt was overtaken by another event: ask again", 0.0)
    return why_failed(record, now, client_faulty=client_faulty)


def why_failed(record: Record, now: datetime, *, client_faulty: bool = False) -> Refuse:
    """Say why a refresh brought nothing, also to who asked for it while the access token still lives."""
    refused = _without(record, now, client_faulty=client_faulty)
    if refused is not None:
        return refused
    later = retry_later(record, now)
    return Refuse("refresh_failed", later.message, later.retry_after)


def _never(found: Servable) -> Refuse | None:
    if found.deleted or found.purged:
        return Refuse("deleted", "this token config was deleted: undelete it, or ask for another one")
    if found.validity != "valid":
        return Refuse("off", f"this token config is {found.validity}: set it valid first")
    if found.state == "revoked":
        return Refuse("revoked", "the grant was revoked: an admin must request a new token")
    return None


def _without(record: Record, now: datetime, *, client_faulty: bool) -> Refuse | None:
    """Refuse where no attempt will be made for an asker."""
    state = public_state(record, now, client_faulty=client_faulty)
    if state == "client_fault" and record.last_error is not None:
        return Refuse("client_fault", f"{record.last_error.text} Cure: {record.last_error.cure}")
    if state == "client_fault":
        return Refuse("client_fault", "the provider refuses the client: an admin must cure its registration or secret")
    if renewable(record):
        return None
    if record.grant.state == "none":
        return Refuse("not_authorized", "nobody has logged in yet: an admin must request a new token")
    return Refuse("reauthorization_required", "refreshing has ended: an admin must request a new token (log in again)")
