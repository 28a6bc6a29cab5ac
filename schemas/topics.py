"""The topics table: the one place that knows names, keys, retention and who sends what.

Names here are logical; the real name is the installation's prefix followed by the logical one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final, Literal

CONFIG_COMMANDS: Final = "config.commands"
CONFIG_EVENTS: Final = "config.events"
PRINCIPALS: Final = "principals"
TOKEN_REQUESTS: Final = "token.requests"
TOKEN_EVENTS: Final = "token.events"
EXPIRY_EVENTS: Final = "expiry.events"
ADMIN_NOTIFICATIONS: Final = "admin.notifications"
NOTIFICATION_COMMANDS: Final = "notification.commands"
DEAD_LETTERS: Final = "dead-letters"
REPLIES: Final = "replies"
"""Logical name of a principal's reply topic is `replies.<principal id>`."""

Key = Literal["config_id", "principal id", "config_id or client id", "cause", "topic", "any", "none"]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as it is created at start; a topic that exists otherwise is reported, never changed."""

    name: str
    key: Key
    senders: tuple[str, ...]
    readers: tuple[str, ...]
    retention: timedelta | None
    """How long records stay; None = for ever (compacted topics)."""
    compacted: bool = False
    partitions: int = 6
    min_compaction_lag: timedelta | None = None
    description: str = ""

    def settings(self) -> Mapping[str, str]:
        """Topic settings by Kafka's names, as strings."""
        policy = "compact" if self.compacted else "delete"
        settings = {"cleanup.policy": policy, "compression.type": "producer"}
        if self.retention is not None:
            settings["retention.ms"] = milliseconds(self.retention)
        if self.min_compaction_lag is not None:
            settings["min.compaction.lag.ms"] = milliseconds(self.min_compaction_lag)
        return settings


def milliseconds(span: timedelta) -> str:
    """A Kafka setting in milliseconds."""
    return str(int(span.total_seconds() * 1000))


WEEK: Final = timedelta(days=7)

_TOPICS: Final = (
    Topic(
        CONFIG_COMMANDS,
        "config_id",
        ("principals with role admin",),
        ("config_service",),
        WEEK,
        description="What admins want of token configs and principals.",
    ),
    Topic(
        CONFIG_EVENTS,
        "config_id",
        ("config_service",),
        ("refresher",),
        None,
        compacted=True,
        description="The parsed form of each token config with its sealed secret; never the text.",
    ),
    Topic(
        PRINCIPALS,
        "principal id",
        ("config_service",),
        ("config_service", "refresher", "notifier"),
        None,
        compacted=True,
        partitions=1,
        description="Who may send; no keys in it.",
    ),
    Topic(
        TOKEN_REQUESTS,
        "any",
        ("principals with role mail, viewer or admin",),
        ("refresher",),
        timedelta(days=1),
        description="What mail modules and admins ask of grants.",
    ),
    Topic(
        TOKEN_EVENTS,
        "config_id or client id",
        ("refresher",),
        ("anyone", "console"),
        None,
        compacted=True,
        min_compaction_lag=WEEK,
        description="The last public state of each token and client; no secrets, no principal needed.",
    ),
    Topic(
        EXPIRY_EVENTS,
        "config_id or client id",
        ("refresher",),
        ("notifier",),
        WEEK,
        description="What ended, is about to end, or is well again.",
    ),
    Topic(
        ADMIN_NOTIFICATIONS,
        "cause",
        ("notifier",),
        ("anyone", "console"),
        None,
        compacted=True,
        description="The last state of each notification; tombstone 30 days after it was resolved.",
    ),
    Topic(
        NOTIFICATION_COMMANDS,
        "cause",
        ("principals with role admin or viewer",),
        ("notifier",),
        WEEK,
        description="List and acknowledge notifications.",
    ),
    Topic(
        DEAD_LETTERS,
        "topic",
        ("config_service", "refresher", "notifier"),
        ("operators", "console"),
        timedelta(days=30),
        partitions=1,
        description="Place and reason of what could not be taken: never its key, headers or body.",
    ),
)

TOPICS: Final[Mapping[str, Topic]] = MappingProxyType({topic.name: topic for topic in _TOPICS})

REPLY_TOPIC: Final = Topic(
    "replies.<principal>",
    "none",
    ("config_service", "refresher", "notifier"),
    ("that principal",),
    timedelta(minutes=10),
    partitions=1,
    description="Answers to one principal, signed with its own key.",
)


def reply_topic(principal: str) -> str:
    """Logical name of the topic on which a principal reads its replies."""
    return f"{REPLIES}.{principal}"
