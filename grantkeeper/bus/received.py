"""What a handler gets: a message whose envelope, signature, sender and value were checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from grantkeeper_client import Envelope
from schemas.envelope import Message
from schemas.principals import Role


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record lies: the only thing that may be told of one that could not be taken."""

    topic: str
    partition: int
    offset: int


PRINCIPAL_DISABLED: Final = (
    "this principal, or this version of its credential, is disabled: enable it, and give its program a new credential"
)


@dataclass(frozen=True, slots=True)
class Principal:
    """A registered program or person, as config_service announced it last."""

    id: str
    role: Role
    version: int
    disabled: bool = False
    acts_for_users: bool = False
    configs: frozenset[str] | None = None
    """Config ids that a mail principal may get; None = all."""

    def may_get(self, config_id: str) -> bool:
        """Tell whether this principal may have the access token of a config."""
        return self.configs is None or config_id in self.configs


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """Who is answered, by which key and under which id; kept with a waiter that is answered later."""

    principal: str
    version: int
    ring_id: str
    correlation_id: str

    def to_dict(self) -> dict[str, Any]:
        """Write it for a MongoDB document."""
        return {
            "principal": self.principal,
            "version": self.version,
            "ring_id": self.ring_id,
            "correlation_id": self.correlation_id,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(document["principal"], document["version"], document["ring_id"], document["correlation_id"])


@dataclass(frozen=True, slots=True)
class Received:
    """A command or request, by a principal that may send it."""

    envelope: Envelope
    message: Message
    place: Place
    principal: Principal
    reply_to: ReplyTo

    @property
    def sender(self) -> str:
        """The verified sender: the principal's id."""
        return self.principal.id

    @property
    def actor(self) -> str:
        """The person behind the message where the principal acts for users, else the principal."""
        actor: str | None = getattr(self.message, "actor", None)
        return actor if actor and self.principal.acts_for_users else self.principal.id


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """An event of another service."""

    envelope: Envelope
    message: Message | None
    """None for a tombstone: `envelope.key` says of what."""
    place: Place
    sender: str
    """The verified sender: "@" and the service's name."""
