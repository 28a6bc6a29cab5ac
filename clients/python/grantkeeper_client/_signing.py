"""Who sent a message, proved: Kafka does not tell the receiver, so every message carries a MAC.

`v1;<signer>;<key version>;<ring id>;<base64url>`: HMAC-SHA256 (RFC 2104) over topic, key, id,
type, source, time, expirytime, correlation_id and value, each behind its length. Subject and
traceparent are not covered: nothing may be decided by them.
"""

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from struct import Struct
from typing import Final

from ._codec import Envelope, format_time
from ._exceptions import MalformedMessage

# A principal's id, or "@" and a service's name. 43 characters of base64url hold 32 bytes and two
# spare bits, which must be zero: one MAC has one spelling.
_SIGNATURE = re.compile(
    r"v1;([a-z0-9-]{1,64}|@[a-z0-9_]{1,64});([1-9][0-9]{0,8});([a-z0-9-]{1,64});"
    r"([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])",
    re.ASCII,
)
_length: Final = Struct(">Q").pack
# No field can be this long, so "absent" and "empty" never look alike.
_ABSENT: Final = _length(2**64 - 1)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The 32 secret bytes of one signer, and the three names a signature carries.

    `signer` is a principal's id, or "@" and the name of a service.
    """

    signer: str
    version: int
    ring_id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignatureParts:
    """What a signature says: who, with which key, and the MAC."""

    signer: str
    version: int
    ring_id: str
    mac: bytes


def sign(envelope: Envelope, key: SigningKey) -> Envelope:
    """Return a copy that carries the signature; whatever signature it had is replaced."""
    return envelope.with_signature(_signature(envelope, key))


def parse_signature(text: str) -> SignatureParts:
    """Split a signature; raises MalformedMessage on anything but version 1 spelled exactly."""
    match = _SIGNATURE.fullmatch(text)
    if match is None:
        raise MalformedMessage("malformed_signature", "header signature is not 'v1;signer;version;ring;mac'")
    signer, version, ring_id, mac = match.groups()
    return SignatureParts(signer, int(version), ring_id, urlsafe_b64decode(mac + "="))


def verify(envelope: Envelope, key: SigningKey) -> bool:
    """Tell whether this very key signed the message as it stands, in constant time; False for an unsigned message."""
    if envelope.signature is None:
        return False
    # The right signature has one spelling, so nothing needs to be parsed.
    return hmac.compare_digest(envelope.signature.encode(), _signature(envelope, key).encode())


def _signature(envelope: Envelope, key: SigningKey) -> str:
    mac = urlsafe_b64encode(_mac(envelope, key.secret))[:43].decode()  # without its padding
    return f"v1;{key.signer};{key.version};{key.ring_id};{mac}"


def _mac(envelope: Envelope, secret: bytes) -> bytes:
    expirytime = envelope.expirytime
    fields = (
        envelope.topic.encode(),
        envelope.key,
        envelope.id.encode(),
        envelope.type.encode(),
        envelope.source.encode(),
        format_time(envelope.time).encode(),
        None if expirytime is None else format_time(expirytime).encode(),
        None if envelope.correlation_id is None else envelope.correlation_id.encode(),
        envelope.value,
    )
    pieces = []
    for one in fields:
        if one is None:
            pieces.append(_ABSENT)
        else:
            pieces += (_length(len(one)), one)
    return hmac.digest(secret, b"".join(pieces), "sha256")
