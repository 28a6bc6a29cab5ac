"""The CloudEvents SDK reads what we write, and we read what it writes."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given

from grantkeeper_client import Envelope, decode, encode
from tests.unit.client.examples import MESSAGE
from tests.unit.client.strategies import envelopes


def read_by_sdk(envelope: Envelope) -> Any:
    headers = {name: value for name, value in encode(envelope) if name.startswith("ce_") or name == "content-type"}
    return from_binary(KafkaMessage(headers, key=None, value=envelope.value or b""), JSONFormat(), CloudEvent)


def test_the_sdk_reads_our_message() -> None:
    event = read_by_sdk(MESSAGE)
    assert event.get_id() == MESSAGE.id
    assert event.get_type() == MESSAGE.type
    assert event.get_source() == MESSAGE.source
    assert event.get_subject() == MESSAGE.subject
    assert event.get_time() == MESSAGE.time
    assert event.get_specversion() == "1.0"
    assert event.get_datacontenttype() == "application/json"
    assert event.get_data() == {"config": "Support mailbox"}
    assert event.get_extension("expirytime") == "2026-11-24T08:00:10.123Z"


@given(envelopes)
def test_the_sdk_reads_any_message_of_ours(envelope: Envelope) -> None:
    event = read_by_sdk(replace(envelope, value=b"{}"))
    assert (event.get_id(), event.get_type(), event.get_source(), event.get_subject(), event.get_time()) == (
        envelope.id,
        envelope.type,
        envelope.source,
        envelope.subject,
        envelope.time,
    )


def test_we_read_a_message_of_the_sdk() -> None:
    event = CloudEvent(
        {
            "id": MESSAGE.id,
            "type": MESSAGE.type,
            "source": MESSAGE.source,
            "subject": MESSAGE.subject,
            "time": MESSAGE.time,
            "specversion": "1.0",
            "datacontenttype": "application/json",
            "expirytime": "2026-11-24T08:00:10.123Z",
        },
        {"config": "Support mailbox"},
    )
    message = to_binary(event, JSONFormat())
    assert message.value is not None
    headers = [(name, value) for name, value in message.headers.items()]
    read = decode(MESSAGE.topic, MESSAGE.key, MESSAGE.value, headers)
    assert read == replace(MESSAGE, correlation_id=None, traceparent=None)


@given(envelopes)
def test_we_read_any_message_of_the_sdk(envelope: Envelope) -> None:
    attributes: dict[str, Any] = {
        "id": envelope.id,
        "type": envelope.type,
        "source": envelope.source,
        "time": envelope.time,
        "specversion": "1.0",
        "datacontenttype": "application/json",
    }
    if envelope.subject is not None:
        attributes["subject"] = envelope.subject
    message = to_binary(CloudEvent(attributes, {}), JSONFormat())
    read = decode("t", None, b"{}", list(message.headers.items()))
    assert (read.id, read.type, read.source, read.subject, read.time) == (
        envelope.id,
        envelope.type,
        envelope.source,
        envelope.subject,
        envelope.time,
    )


def test_both_agree_on_a_time_of_another_zone() -> None:
    time = datetime(2026, 11, 24, 8, tzinfo=UTC)
    headers = dict(encode(MESSAGE)) | {"ce_time": b"2026-11-24T09:00:00+01:00"}
    ours = decode("t", None, b"{}", list(headers.items()))
    theirs: Any = from_binary(KafkaMessage(headers, key=None, value=b"{}"), JSONFormat(), CloudEvent)
    assert ours.time == theirs.get_time() == time
