"""Facts into words: states, spans of time, one row of the overview. Formatting only; nothing here decides anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal
from urllib.parse import urlsplit

from schemas.admin_notifications import NotificationChanged
from schemas.findings import Finding
from schemas.reasons import PublicState
from schemas.replies import Detail
from schemas.token_status import TokenStatus
from services.console.words import Words

Colour = Literal["good", "warn", "bad", "info", "calm"]
Action = Literal["request", "refresh", "undelete", "validate"]
"""What one button beside a token does."""

COLOURS: Final[Mapping[PublicState, Colour]] = {
    "not_authorized": "info",
    "authorizing": "info",
    "active": "good",
    "retrying": "warn",
    "expired": "bad",
    "reauthorization_required": "bad",
    "client_fault": "bad",
    "off": "calm",
    "revoked": "calm",
}
NEEDS_LOGIN: Final[frozenset[PublicState]] = frozenset(
    {"not_authorized", "authorizing", "reauthorization_required", "revoked"}
)
WORK_LIST: Final[tuple[PublicState, ...]] = ("reauthorization_required", "not_authorized", "authorizing")
"""What waits for a login; one that is begun may have been left. A revoked one was ended on purpose."""
REFRESHABLE: Final[frozenset[PublicState]] = frozenset({"active", "retrying", "expired", "client_fault"})
WAITING: Final[frozenset[PublicState]] = frozenset({"retrying", "expired", "client_fault"})
ENDS_SOON: Final = timedelta(days=30)
"""As early as the first reminder."""


@dataclass(frozen=True, slots=True)
class Row:
    """One token as the overview and the token page show it."""

    status: TokenStatus
    state: str
    colour: Colour
    access_token: str
    refresh_token: str
    coming: str
    problem: str | None
    """What the provider said last, with its code."""
    cure: str | None
    warnings: tuple[str, ...]
    used_by: tuple[str, ...]
    """Mail modules that got it lately, the latest first."""
    action: Action | None


def row(status: TokenStatus, now: datetime, words: Words) -> Row:
    """Put one status into words."""
    return Row(
        status=status,
        state=words(f"state.{status.state}"),
        colour=COLOURS[status.state],
        access_token=_access_token(status, now, words),
        refresh_token=_refresh_token(status, now, words),
        coming=_coming(status, now, words),
        problem=_problem(status),
        cure=_cure(status, words),
        warnings=tuple(_warnings(status, now, words)),
        used_by=_used_by(status, now, words),
        action=_action(status),
    )


def _access_token(status: TokenStatus, now: datetime, words: Words) -> str:
    if status.expires_at is None:
        return words("token.never" if status.generation == 0 else "token.no_access_token")
    if status.expires_at > now:
        return words("token.left", span=span(status.expires_at - now, words))
    return words("token.expired_ago", span=span(now - status.expires_at, words))


def _refresh_token(status: TokenStatus, now: datetime, words: Words) -> str:
    if not status.has_refresh_token:
        return words("token.refresh_none") if status.generation else ""
    ends = status.refresh_token_expires_at
    if ends is None:
        return words("token.refresh_no_end")
    return words("token.refresh_until" if ends > now else "token.refresh_expired", date=day(ends.date()))


def _coming(status: TokenStatus, now: datetime, words: Words) -> str:
    if status.state in NEEDS_LOGIN:
        return words("token.waits_for_you")
    if status.next_refresh_at is None:
        return ""
    key = "token.next_try" if status.state in WAITING else "token.renews"
    wait = status.next_refresh_at - now
    return words(f"{key}_in", span=span(wait, words)) if wait > timedelta() else words(f"{key}_now")


def _problem(status: TokenStatus) -> str | None:
    return status.last_error.text if status.last_error else None


def _cure(status: TokenStatus, words: Words) -> str | None:
    error = status.last_error
    return words.known(f"cure.{error.cure_id}", error.cure) if error else None


def _warnings(status: TokenStatus, now: datetime, words: Words) -> list[str]:
    found = []
    if status.wrong_account:
        account, expected = status.account or "?", status.mailbox_login or "?"
        found.append(words("token.wrong_account", account=account, expected=expected))
    if status.new_login_needed:
        found.append(words("token.new_login_needed"))
    if status.client_secret_ends and status.client_secret_ends <= (now + ENDS_SOON).date():
        found.append(words("token.secret_ends_soon", date=day(status.client_secret_ends)))
    ends = status.refresh_token_expires_at
    if ends and now < ends <= now + ENDS_SOON:
        found.append(words("token.refresh_ends_soon", date=day(ends.date())))
    return found


def _used_by(status: TokenStatus, now: datetime, words: Words) -> tuple[str, ...]:
    latest: dict[str, date] = {}
    for use in sorted(status.used_by, key=lambda use: use.day):
        latest[use.principal] = use.day
    today = now.date()
    found = sorted(latest.items(), key=lambda one: one[1], reverse=True)
    return tuple(
        words("token.used_on", principal=name, day=words("time.today") if when == today else day(when))
        for name, when in found
    )


def _action(status: TokenStatus) -> Action | None:
    if status.deleted:
        return "undelete"
    if status.state == "off":
        return "validate"
    if status.state in NEEDS_LOGIN:
        return "request"
    return "refresh" if status.state in REFRESHABLE else None


def span(length: timedelta, words: Words) -> str:
    """Say a length of time in its largest unit that has at least two; never more exact than a person cares for."""
    seconds = max(0, int(length.total_seconds()))
    if seconds < 120:  # noqa: PLR2004 - two of the next unit
        return words("time.seconds", n=seconds)
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if minutes < 120:  # noqa: PLR2004 - two of the next unit
        return words("time.minutes", n=minutes)
    if hours < 48:  # noqa: PLR2004 - two of the next unit
        return words("time.hours", n=hours)
    return words("time.days", count=round(seconds / 86400))


def day(when: date) -> str:
    """Write a day so that no reader of another country mistakes it."""
    return f"{when:%Y-%m-%d}"


def moment(when: datetime) -> str:
    """Write a moment to the minute, in UTC, as every log does."""
    return f"{when:%Y-%m-%d %H:%M} UTC"


def instant(when: datetime) -> str:
    """Write a moment to the second, in UTC: attempts follow each other closely."""
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification in words."""

    notification: NotificationChanged
    title: str
    cure: str
    colour: Colour
    starts_login: bool
    """Whether the cure is a new login, so that the button can start it."""
    page: str
    """The page of this console that starts the cure."""


def notice(notification: NotificationChanged, words: Words) -> Notice:
    """Put one notification into words; a kind that this catalogue does not know keeps its own title."""
    page = _page(notification.url)
    return Notice(
        notification=notification,
        title=words.known(f"notification.{notification.kind}", notification.title, name=notification.name),
        cure=words.known(
            f"cure_for.{notification.kind}", words.known(f"cure.{notification.cure_id}", notification.cure)
        ),
        colour="bad" if notification.severity == "red" else "warn",
        starts_login=page == f"/tokens/{notification.config_id}/authorize",
        page=page,
    )


def _page(url: str) -> str:
    """Return the path within this console, whatever host the notifier was told."""
    parts = urlsplit(url)
    path = f"/{parts.path.lstrip('/')}"
    return f"{path}?{parts.query}" if parts.query else path


def finding(found: Finding, words: Words) -> str:
    """Say one finding with its place and cure."""
    place = ""
    if found.line is not None:
        key = "common.place" if found.column is not None else "common.place_line"
        place = words(key, line=found.line, column=found.column)
    said = words.known(f"finding.{found.code}", found.message)
    return sentence(place, found.field, said, words.known(f"finding_cure.{found.code}", found.cure))


def detail(found: Detail) -> str:
    """Say one detail of a refusal."""
    return sentence("", None, found.problem, found.cure)


def sentence(place: str, field: str | None, problem: str, cure: str) -> str:
    """Join place, field, problem and cure, those that there are."""
    where = ", ".join(part for part in (place, field) if part)
    said = f"{where}: {problem}" if where else problem
    return f"{said.rstrip('.')}. {cure}" if cure else said
