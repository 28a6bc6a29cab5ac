"""What people read: titles, texts and links of notifications, in one place, in plain English without markup.

Channels get plain text: a name can hold anything that an admin typed, so nothing here is ever markup. The console
translates by kind and cure id and uses the title only for kinds it does not know.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from schemas.admin_notifications import NotificationChanged
from schemas.reasons import NotificationKind
from services.notifier.domain import Notification, Told

_TITLES: Final[Mapping[NotificationKind, str]] = MappingProxyType(
    {
        "expired_token": "{name}: no valid access token, and refreshing fails",
        "expired_refresh_token": "{name}: the login has ended, a new one is needed",
        "never_authorized": "{name}: waits for its first login",
        "client_fault": "{name}: the provider refuses the client",
        "client_secret_ends": "{name}: the client secret ends soon",
        "client_secret_refused": "{name}: the provider refuses the newest client secret, the one before still works",
        "refresh_token_ends": "{name}: the login ends soon",
        "testing_mode_app": "{name}: the provider's app is in testing mode, logins end after 7 days",
        "lost_rotation": "{name}: a new refresh token was lost on its way, a new login is needed",
        "refreshing_fails": "{name}: refreshing fails, and it lasts",
        "quarantined_refresh_token": "{name}: a second refresh token arrived and was set aside",
        "shared_refresh_token": "{name}: another token config holds the same refresh token",
        "wrong_account": "{name}: another account logged in than the expected one",
        "config_fault": "{name}: the provider refuses the request as it is configured",
        "engine_stopped": "Refreshing is stopped: no access token is renewed",
        "another_cluster": "Refreshing is held: this database met another Kafka cluster",
    }
)
_PAGES: Final[Mapping[NotificationKind, str]] = MappingProxyType(
    {
        "engine_stopped": "/system",
        "another_cluster": "/system",
        "expired_token": "",
        "expired_refresh_token": "/authorize",
        "never_authorized": "/authorize",
        "client_fault": "/edit",
        "client_secret_ends": "/edit",
        "client_secret_refused": "/edit",
        "refresh_token_ends": "/authorize",
        "testing_mode_app": "/authorize",
        "lost_rotation": "/authorize",
        "refreshing_fails": "",
        "quarantined_refresh_token": "",
        "shared_refresh_token": "/authorize",
        "wrong_account": "/authorize",
        "config_fault": "/edit",
    }
)
"""Which page starts the cure: of the token, or of the installation where it is about no token."""

_PREFIXES: Final[Mapping[Told, str]] = MappingProxyType(
    {"opened": "", "reminded": "Reminder: ", "resolved": "Solved: "}
)
NAMES_IN_DIGEST: Final = 20
"""More names than that nobody reads; the link leads to all of them."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message for the channels."""

    title: str
    body: str


def title(kind: NotificationKind, name: str) -> str:
    """Return the one line that says what is wrong."""
    return _TITLES[kind].format(name=name)


def link(public_url: str, kind: NotificationKind, config_id: str | None, client: str | None) -> str:
    """Return the console's page that starts the cure."""
    root = public_url.rstrip("/")
    if config_id is not None:
        return f"{root}/tokens/{config_id}{_PAGES[kind]}"
    return f"{root}/tokens?client={client}" if client is not None else f"{root}{_PAGES[kind]}"


def changed_message(one: Notification, public_url: str) -> NotificationChanged:
    """Return what is published of a notification."""
    return NotificationChanged(
        cause=one.cause,
        kind=one.kind,
        severity=one.severity,
        state=one.state,
        config_id=one.config_id,
        client=one.client,
        name=one.name,
        title=title(one.kind, one.name),
        text=one.text,
        cure_id=one.cure_id,
        cure=one.cure,
        url=link(public_url, one.kind, one.config_id, one.client),
        count=one.count,
        opened_at=one.opened_at,
        ends_at=one.ends_at,
        reminders=one.reminders,
        reminded_at=one.reminded_at,
        acknowledged_at=one.acknowledged_at,
        acknowledged_by=one.acknowledged_by,
        resolved_at=one.resolved_at,
        sequence=one.sequence,
    )


def notice(told: Told, ones: Sequence[Notification], public_url: str) -> Notice:
    """Return the message for notifications that are told alike; several of them make a digest."""
    return _single(told, ones[0], public_url) if len(ones) == 1 else _digest(told, ones, public_url)


def _single(told: Told, one: Notification, public_url: str) -> Notice:
    url = link(public_url, one.kind, one.config_id, one.client)
    if told == "resolved":
        lines = [f"Since {_time(one.opened_at)}, solved {_time(one.resolved_at)}.", url]
    else:
        lines = [*_facts(one), f"What to do: {one.cure}", url]
    return Notice(_PREFIXES[told] + title(one.kind, one.name), "\n".join(lines))


def _facts(one: Notification) -> list[str]:
    lines = [f"Since {_time(one.opened_at)}." if one.ends_at is None else f"Ends {_time(one.ends_at)}."]
    if one.count > 1:
        lines.append(f"{one.count} tokens are concerned.")
    if one.text:
        lines.append(f"The provider said: {one.text}")
    return lines


def _digest(told: Told, ones: Sequence[Notification], public_url: str) -> Notice:
    first = ones[0]
    names = sorted(one.name for one in ones)
    lines = [f"- {name}" for name in names[:NAMES_IN_DIGEST]]
    if len(names) > NAMES_IN_DIGEST:
        lines.append(f"and {len(names) - NAMES_IN_DIGEST} more")
    if told != "resolved":
        lines.append(f"What to do: {first.cure}")
    lines.append(f"{public_url.rstrip('/')}/notifications")
    return Notice(_PREFIXES[told] + title(first.kind, f"{len(names)} tokens"), "\n".join(lines))


def _time(at: datetime | None) -> str:
    return "at an unknown time" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"
