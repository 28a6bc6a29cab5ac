"""The public state of a token: computed from grant, access token, client and validity; the first match wins."""

from datetime import date, datetime

from schemas.reasons import PublicState
from schemas.token_status import Attempt, TokenStatus, UsedBy
from services.refresher.domain.record import Record

OVERLAID_BY_CLIENT: frozenset[PublicState] = frozenset({"expired", "retrying", "active"})
"""States that a faulty client hides; kept in the order of DESIGN: what comes before `client_fault` stays visible."""


def renewable(record: Record) -> bool:
    """Tell whether a new access token can be had without a person."""
    if record.mints:
        return record.grant.state != "revoked"
    grant = record.grant
    return grant.state == "authorized" and grant.refresh_token is not None and not needs_other_client(record)


def needs_other_client(record: Record) -> bool:
    """Tell whether the config names another client or token host than the grant was given to."""
    origin = record.grant.origin
    return not record.mints and origin is not None and origin != record.origin


def new_login_needed(record: Record) -> bool:
    """Tell whether the config wants what the grant does not give: another client, host or scope."""
    grant = record.grant
    if record.mints or grant.state in {"none", "revoked"}:
        return False
    other_scope = scope_set(grant.asked_scope) != scope_set(record.config.scope)
    return needs_other_client(record) or other_scope or grant.state == "reauthorization_required"


def scope_set(scope: str | None) -> frozenset[str]:
    """Compare scopes as sets (RFC 6749 section 3.3: order does not matter)."""
    return frozenset((scope or "").replace(",", " ").split())


def wrong_account(record: Record) -> bool:
    """Tell whether another account logged in than the mailbox login names."""
    expected, account = record.config.options.mailbox_login, record.grant.account
    return expected is not None and account is not None and expected.casefold() != account.casefold()


def public_state(record: Record, now: datetime, *, client_faulty: bool = False) -> PublicState:
    """Compute the state that the overview shows."""
    if record.is_off:
        return "off"
    state = _without_login_in_progress(record, now, client_faulty=client_faulty)
    in_progress = record.authorizing_until is not None and record.authorizing_until > now
    if in_progress and state in {"not_authorized", "reauthorization_required", "revoked"}:
        return "authorizing"
    return state


def _without_login_in_progress(record: Record, now: datetime, *, client_faulty: bool) -> PublicState:
    grant = record.grant
    live = grant.is_live(now)
    if grant.state == "revoked":
        return "revoked"
    if grant.state == "reauthorization_required" or (
        grant.state == "authorized" and not live and not renewable(record)
    ):
        return "reauthorization_required"
    own_fault = record.last_error is not None and record.last_error.meaning == "client_fault"
    if grant.state == "none" and not (record.mints and (own_fault or client_faulty)):
        return "not_authorized"
    if client_faulty or own_fault:
        return "client_fault"
    if not live:
        return "expired"
    return "retrying" if record.failures else "active"


def token_status(
    record: Record, *, next_refresh_at: datetime | None = None, client_faulty: bool = False
) -> TokenStatus:
    """Make the row of the overview from a settled record; a faulty client shows through."""
    config, grant = record.config, record.grant
    state = record.state
    if client_faulty and state in OVERLAID_BY_CLIENT:
        state = "client_fault"
    return TokenStatus(
        config_id=record.config_id,
        name=config.name,
        former_names=record.former_names,
        template=config.template,
        validity=config.validity,
        deleted=record.deleted,
        state=state,
        revision=record.revision,
        generation=grant.generation,
        sequence=record.sequence,
        changed_at=record.changed_at,
        client=record.client,
        client_id=config.client_id,
        account=grant.account,
        mailbox_login=config.options.mailbox_login,
        mechanism=config.options.mechanism,
        servers=config.options.servers,
        scope=grant.scope,
        authorized_at=grant.authorized_at,
        authorizing_until=record.authorizing_until,
        expires_at=grant.expires_at,
        has_refresh_token=grant.refresh_token is not None,
        refresh_token_expires_at=grant.refresh_token_expires_at,
        client_secret_ends=config.options.client_secret_ends,
        last_refresh_at=grant.obtained_at,
        next_refresh_at=next_refresh_at,
        failures=record.failures,
        last_error=record.last_error,
        new_login_needed=new_login_needed(record),
        wrong_account=wrong_account(record),
        used_by=tuple(UsedBy(principal=who, day=date.fromisoformat(day)) for who, day in record.used_by.items()),
    )


def history(record: Record) -> tuple[Attempt, ...]:
    """Return the last attempts, newest first."""
    return tuple(
        Attempt(
            at=attempt.at,
            outcome=attempt.outcome,
            latency_ms=attempt.latency_ms,
            code=attempt.code,
            http_status=attempt.http_status,
            correlation_id=attempt.correlation_id,
        )
        for attempt in reversed(record.attempts)
    )
