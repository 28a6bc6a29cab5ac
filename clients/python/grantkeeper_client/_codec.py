"""One CloudEvents 1.0 message as one Kafka record, in binary mode, strictly.

Nothing is invented for the sender: what is missing, doubled or unreadable is refused with a
fixed reason (CloudEvents Kafka binding 1.0.2, section 3.2). Unknown attributes are ignored.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NoReturn

from ._exceptions import MalformedMessage, MalformedReason

DATACONTENTTYPE: Final = "application/json"
_CONTENT_TYPE = re.compile(r'application/json(\s*;\s*charset="?utf-8"?)?', re.IGNORECASE)
_SPECVERSION: Final = b"1.0"

# RFC 3339 with a zone, as CloudEvents' Timestamp; `fromisoformat` alone takes far more forms.
_TIMESTAMP = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)",
    re.ASCII,
)
# CloudEvents 1.0, section 3.1, String: no control characters.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

# The longest thing the contract sends is a page of 512 KiB; Kafka's default limit is 1 MiB.
MAX_VALUE: Final = 1 << 20
MAX_KEY: Final = 1 << 10
# The longest attribute is a signature: 3 + 65 + 10 + 65 + 43 characters.
MAX_HEADER: Final = 512


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message: the attributes, the record's key and its value.

    Times are aware and kept to the millisecond; `value` is JSON, or None for a tombstone, and never shown: what
    somebody sent by mistake may be a secret. `topic` is the real topic name, prefix included.
    """

    topic: str
    key: bytes | None
    id: str
    type: str
    source: str
    time: datetime
    value: bytes | None = field(repr=False)
    subject: str | None = None
    expirytime: datetime | None = None
    correlation_id: str | None = None
    traceparent: str | None = None
    signature: str | None = None

    def with_signature(self, signature: str) -> "Envelope":
        """Copy it with another signature; written out, since `dataclasses.replace` takes twice as long."""
        return Envelope(
            self.topic,
            self.key,
            self.id,
            self.type,
            self.source,
            self.time,
            self.value,
            self.subject,
            self.expirytime,
            self.correlation_id,
            self.traceparent,
            signature,
        )

    @property
    def datacontenttype(self) -> str:
        """The contract knows one content type."""
        return DATACONTENTTYPE


def format_time(time: datetime) -> str:
    """Write an aware time in the one form that is sent and signed: UTC, milliseconds, `Z`."""
    if time.tzinfo is not UTC:
        if time.utcoffset() is None:
            raise ValueError("a message's time must be aware: give it a time zone")
        time = time.astimezone(UTC)
    return time.isoformat(timespec="milliseconds")[:-6] + "Z"


def encode(envelope: Envelope) -> list[tuple[str, bytes]]:
    """Write the record's headers; key and value go as they are."""
    headers = [
        ("content-type", b"application/json"),
        ("ce_specversion", _SPECVERSION),
        ("ce_id", envelope.id.encode()),
        ("ce_type", envelope.type.encode()),
        ("ce_source", envelope.source.encode()),
        ("ce_time", format_time(envelope.time).encode()),
    ]
    if envelope.subject is not None:
        headers.append(("ce_subject", envelope.subject.encode()))
    if envelope.expirytime is not None:
        headers.append(("ce_expirytime", format_time(envelope.expirytime).encode()))
    if envelope.correlation_id is not None:
        headers.append(("correlation_id", envelope.correlation_id.encode()))
    if envelope.traceparent is not None:
        headers.append(("traceparent", envelope.traceparent.encode()))
    if envelope.signature is not None:
        headers.append(("signature", envelope.signature.encode()))
    return headers


def decode(
    topic: str,
    key: bytes | None,
    value: bytes | None,
    headers: Iterable[tuple[str, bytes | None]],
) -> Envelope:
    """Read one record; raises MalformedMessage. The value is not looked into."""
    if key is not None and len(key) > MAX_KEY:
        _refuse("too_large", f"the key is longer than {MAX_KEY} bytes")
    if value is not None and len(value) > MAX_VALUE:
        _refuse("too_large", f"the value is longer than {MAX_VALUE} bytes")
    known = _known_headers(headers)
    if known.get("ce_specversion") != _SPECVERSION:
        _refuse("malformed_envelope", "header ce_specversion must be 1.0")
    if not _CONTENT_TYPE.fullmatch(_required(known, "content-type")):
        _refuse("malformed_envelope", "header content-type must be application/json")
    expirytime = _text(known, "ce_expirytime")
    return Envelope(
        topic=topic,
        key=key,
        id=_required(known, "ce_id"),
        type=_required(known, "ce_type"),
        source=_required(known, "ce_source"),
        time=_time("ce_time", _required(known, "ce_time")),
        value=value,
        subject=_text(known, "ce_subject"),
        expirytime=None if expirytime is None else _time("ce_expirytime", expirytime),
        correlation_id=_text(known, "correlation_id"),
        traceparent=_text(known, "traceparent"),
        signature=_text(known, "signature"),
    )


_KNOWN: Final = frozenset(
    {
        "content-type",
        "ce_specversion",
        "ce_id",
        "ce_type",
        "ce_source",
        "ce_time",
        "ce_subject",
        "ce_expirytime",
        "correlation_id",
        "traceparent",
        "signature",
    },
)


def _known_headers(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, bytes]:
    known: dict[str, bytes] = {}
    for name, value in headers:
        if name not in _KNOWN:
            continue
        if name in known:
            _refuse("malformed_envelope", f"header {name} stands more than once")
        if value is None:
            _refuse("malformed_envelope", f"header {name} is null")
        if len(value) > MAX_HEADER:
            _refuse("too_large", f"header {name} is longer than {MAX_HEADER} bytes")
        known[name] = value
    return known


def _required(known: dict[str, bytes], name: str) -> str:
    text = _text(known, name)
    if text is None:
        _refuse("malformed_envelope", f"header {name} is missing")
    if not text:
        _refuse("malformed_envelope", f"header {name} is empty")
    return text


def _text(known: dict[str, bytes], name: str) -> str | None:
    raw = known.get(name)
    if raw is None:
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        _refuse("malformed_envelope", f"header {name} is not UTF-8")
    # isprintable is the fast answer for nearly every text; what it doubts is looked at closely.
    if not text.isprintable() and _CONTROL.search(text):
        _refuse("malformed_envelope", f"header {name} holds a control character")
    return text


def _time(name: str, text: str) -> datetime:
    if not _TIMESTAMP.fullmatch(text):
        _refuse("malformed_envelope", f"header {name} is not an RFC 3339 time with a zone")
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not UTC:
            time = time.astimezone(UTC)
    except (ValueError, OverflowError):
        _refuse("malformed_envelope", f"header {name} is no time that exists")
    # What is finer than the signed form is dropped, so that the signature covers all that is kept.
    finer = time.microsecond % 1000
    return time.replace(microsecond=time.microsecond - finer) if finer else time


def _refuse(reason: MalformedReason, detail: str) -> NoReturn:
    # `from None`: the cause of a decoding error quotes the bytes.
    raise MalformedMessage(reason, detail) from None
