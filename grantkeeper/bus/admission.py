"""Who may send what: one record in, one decision out; no IO, no clock of its own.

Order for a principal's message: envelope, signature's form, ring, signature, directory, disabled, version, type, role,
deadline, value. What cannot be attributed to a sender becomes a dead letter; everything after that is answered. A
message of a service that fails anywhere becomes a dead letter: nobody waits for an answer. What it says in fields or
types that this version does not know is passed over: services are replaced one by one.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from pydantic import ValidationError

from grantkeeper.bus.messages import Record, details_of, envelope_of, place_of
from grantkeeper.bus.received import PRINCIPAL_DISABLED, Place, Principal, Received, ReceivedEvent, ReplyTo
from grantkeeper.crypto.ring import AuthRing
from grantkeeper_client import Envelope, MalformedMessage, SigningKey, parse_signature, verify
from schemas.envelope import Message
from schemas.reasons import DeadLetterReason, ErrorCode
from schemas.replies import ErrorBody

LONGEST_DEADLINE: Final = timedelta(minutes=10)
"""How far `expirytime` may lie after `time` (CONTRACT, a message): longer than replies are kept makes no sense."""
CLOCK_AHEAD: Final = timedelta(minutes=1)
"""How far a sender's clock may run ahead of this one."""


@dataclass(frozen=True, slots=True)
class Unattributed:
    """Goes to the dead letters: place and reason, never content."""

    place: Place
    reason: DeadLetterReason
    detail: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Is answered with an error, and never reaches a handler."""

    place: Place
    reply_to: ReplyTo
    error: ErrorBody


@dataclass(frozen=True, slots=True)
class Skipped:
    """Is passed over: an event of a type that this version does not know yet."""

    place: Place
    type: str


class Directory(Protocol):
    """Who is registered, as far as this process has read."""

    def get(self, principal: str) -> Principal | None:
        """Return a principal, or None where it is not (yet) known here."""
        ...


Explain = Callable[[type[Message], bytes, Place], ErrorBody | None]
"""A topic's own word on a value that fails its schema (a plain secret, say); None = the usual invalid_field."""


@dataclass(frozen=True, slots=True)
class PrincipalAdmission:
    """Decides on messages of principals for one topic."""

    ring: AuthRing
    directory: Directory
    types: Mapping[str, type[Message]]
    check_deadline: bool = True
    explain: Explain | None = None

    def decide(self, record: Record, now: datetime) -> Received | Refused | Unattributed:
        """Decide on one record."""
        place = place_of(record)
        proved = prove(record, self.ring, place)
        if isinstance(proved, Unattributed):
            return proved
        envelope, key = proved
        if envelope.source != f"/principals/{key.signer}":
            return Unattributed(place, "wrong_sender", "signature and source must name the same principal")
        reply_to = ReplyTo(key.signer, key.version, key.ring_id, envelope.correlation_id or envelope.id)
        admitted = self._admit(envelope, key, now)
        if isinstance(admitted, ErrorBody):
            return Refused(place, reply_to, admitted)
        principal, model = admitted
        value = self._value(model, envelope, place)
        if isinstance(value, ErrorBody):
            return Refused(place, reply_to, value)
        return Received(envelope, value, place, principal, reply_to)

    def _admit(self, envelope: Envelope, key: SigningKey, now: datetime) -> tuple[Principal, type[Message]] | ErrorBody:
        principal = self._principal(key)
        if isinstance(principal, ErrorBody):
            return principal
        model = self.types.get(envelope.type)
        if model is None:
            return _error("unknown_type", f"this topic takes {', '.join(sorted(self.types))}")
        if principal.role not in model.ROLES:
            return _error("not_permitted", f"role {principal.role} may not send {model.TYPE}")
        if envelope.expirytime is None:
            return _error("malformed", "header ce_expirytime is missing: say until when an answer is of use")
        if self.check_deadline and (out_of_time := untimely(envelope, now)) is not None:
            return _error("deadline_exceeded", out_of_time)
        return principal, model

    def _principal(self, key: SigningKey) -> Principal | ErrorBody:
        principal = self.directory.get(key.signer)
        if principal is None or key.version > principal.version:
            return _error("not_caught_up", "this principal is not known here yet: ask again, or register it")
        if principal.disabled or key.version < principal.version:
            return _error("principal_disabled", PRINCIPAL_DISABLED)
        return principal

    def _value(self, model: type[Message], envelope: Envelope, place: Place) -> Message | ErrorBody:
        value = envelope.value or b""
        try:
            return model.model_validate_json(value)
        except ValidationError as error:
            if not _is_json_object(value):
                return _error("malformed", "the value must be a JSON object")
            explained = self.explain(model, value, place) if self.explain is not None else None
            return explained or ErrorBody(
                code="invalid_field", message="the value does not fit its schema", details=details_of(error)
            )


@dataclass(frozen=True, slots=True)
class ServiceAdmission:
    """Decides on events of services for one topic."""

    ring: AuthRing
    senders: frozenset[str]
    types: Mapping[str, type[Message]]

    def decide(self, record: Record, _now: datetime) -> ReceivedEvent | Skipped | Unattributed:
        """Decide on one record."""
        place = place_of(record)
        proved = prove(record, self.ring, place)
        if isinstance(proved, Unattributed):
            return proved
        envelope, key = proved
        if key.signer not in self.senders:
            return Unattributed(place, "wrong_sender", "the sender is not one of this topic's")
        model = self.types.get(envelope.type)
        if model is None:
            return self._unknown(envelope.type, place)
        if envelope.value is None:
            return ReceivedEvent(envelope, None, place, key.signer)
        try:
            return ReceivedEvent(envelope, model.read(envelope.value), place, key.signer)
        except ValidationError as error:
            fields = ", ".join(detail.field or "(all)" for detail in details_of(error))
            return Unattributed(place, "malformed_value", f"fields: {fields}"[:500])

    def _unknown(self, name: str, place: Place) -> Skipped | Unattributed:
        """Pass over what a newer service says besides; what is known here, be it in another version, is not missed."""
        known = {one.rpartition(".v")[0] for one in Message.MESSAGES}
        if name.startswith("grantkeeper.") and name.rpartition(".v")[0] not in known:
            return Skipped(place, name)
        return Unattributed(place, "unknown_type", "the topic holds no messages of this type")


def prove(record: Record, ring: AuthRing, place: Place) -> tuple[Envelope, SigningKey] | Unattributed:
    """Decode a record and prove who signed it; the key is the one that did."""
    try:
        envelope = envelope_of(record)
    except MalformedMessage as error:
        return Unattributed(place, error.reason, error.detail)
    key = prove_envelope(envelope, ring, place)
    return key if isinstance(key, Unattributed) else (envelope, key)


def prove_envelope(envelope: Envelope, ring: AuthRing, place: Place) -> SigningKey | Unattributed:
    """Return the key that signed a message, or why none did."""
    if envelope.signature is None:
        return Unattributed(place, "unsigned", "header signature is missing")
    try:
        key = ring.key_for(parse_signature(envelope.signature))
    except MalformedMessage as error:
        return Unattributed(place, error.reason, error.detail)
    if key is None:
        return Unattributed(place, "unknown_ring", "the ring that the signature names is not known here")
    if not verify(envelope, key):
        return Unattributed(place, "wrong_signature", "the signature does not fit the message")
    return key


def untimely(envelope: Envelope, now: datetime) -> str | None:
    """Say why nobody waits for an answer any more, or nobody ever should have waited that long; None = it is in time.

    Both ends are held against this clock, not only against each other: a message dated ahead would stay good for longer
    than any other, for whoever comes by a copy of it.
    """
    deadline = envelope.expirytime
    if deadline is None or deadline <= now:
        return "the message came after its expirytime: send it anew"
    if envelope.time > now + CLOCK_AHEAD:
        return "the message is dated more than a minute ahead: set the sender's clock"
    if deadline - envelope.time > LONGEST_DEADLINE or deadline > now + LONGEST_DEADLINE:
        return "the message asks for an answer within more than 10 minutes: name an earlier expirytime"
    return None


def _is_json_object(value: bytes) -> bool:
    try:
        return isinstance(json.loads(value), dict)
    except (ValueError, RecursionError):
        return False


def _error(code: ErrorCode, message: str) -> ErrorBody:
    return ErrorBody(code=code, message=message, retryable=code == "not_caught_up")
