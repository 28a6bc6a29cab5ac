"""Hand-written stand-ins for the pure tests of the bus: a record, a directory."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from grantkeeper.bus.received import Principal
from grantkeeper_client import Envelope, encode


@dataclass(frozen=True)
class Record:
    """A Kafka record as far as the bus looks at one."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    partition: int = 3
    offset: int = 14

    @classmethod
    def of(cls, envelope: Envelope) -> "Record":
        return cls(envelope.topic, envelope.key, envelope.value, tuple(encode(envelope)))


@dataclass
class Directory:
    """Principals from a dict."""

    principals: Mapping[str, Principal] = field(default_factory=dict)

    def get(self, principal: str) -> Principal | None:
        return self.principals.get(principal)
