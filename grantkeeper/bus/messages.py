"""From a record to an envelope, and from an envelope to the model that `schemas` has for its type."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from pydantic import ValidationError

from grantkeeper.bus.errors import UnknownTopic
from grantkeeper.bus.received import Place
from grantkeeper_client import Envelope, decode
from schemas.envelope import Message
from schemas.replies import Detail
from schemas.topics import TOPICS


class Record(Protocol):
    """What is needed of a Kafka record."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


def place_of(record: Record) -> Place:
    """Return where a record lies."""
    return Place(record.topic, record.partition, record.offset)


def envelope_of(record: Record) -> Envelope:
    """Decode a record; raises grantkeeper_client.MalformedMessage."""
    return decode(record.topic, record.key, record.value, record.headers)


def types_of(topic: str) -> Mapping[str, type[Message]]:
    """Return the message types of a logical topic by their CloudEvents type.

    Raises UnknownTopic where the table of topics has no such one, or where no module of its messages was imported.
    """
    types = {name: model for name, model in Message.MESSAGES.items() if topic == model.TOPIC}
    if topic not in TOPICS or not types:
        raise UnknownTopic(f"no messages are known for topic {topic!r}: import its module of `schemas` first")
    return types


def details_of(error: ValidationError) -> tuple[Detail, ...]:
    """Tell what is wrong with a value, field by field, without repeating any of it."""
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    return tuple(
        Detail(
            field=".".join(str(part) for part in problem["loc"]) or None,
            problem=problem["msg"],
            cure="correct the field; the contract's JSON Schema describes it",
        )
        for problem in problems
    )
