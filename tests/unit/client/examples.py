"""Messages and keys that the tests of this folder share."""

from datetime import UTC, datetime

from grantkeeper_client import Envelope, SigningKey

KEY = SigningKey("mail-1", 2, "r1", bytes(range(32)))

MESSAGE = Envelope(
    topic="grantkeeper.token.requests",
    key=b"0199f7a0-0000-7000-8000-000000000001",
    id="0199f7a0-0000-7000-8000-000000000002",
    type="grantkeeper.token.get.v1",
    source="/principals/mail-1",
    time=datetime(2026, 11, 24, 8, 0, 0, 123_000, tzinfo=UTC),
    value=b'{"config":"Support mailbox"}',
    subject="0199f7a0-0000-7000-8000-000000000001",
    expirytime=datetime(2026, 11, 24, 8, 0, 10, 123_000, tzinfo=UTC),
    correlation_id="c-1",
    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
)
