"""What cannot be attributed to a sender becomes a dead letter by place and reason; its neighbours go on."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from grantkeeper.bus.consume import stream
from grantkeeper.bus.received import Received, ReceivedEvent
from grantkeeper.crypto.ring import AuthRing
from grantkeeper_client import Envelope, encode, sign
from schemas.dead_letters import DeadLetter
from schemas.principals import PrincipalChanged
from schemas.topics import CONFIG_EVENTS
from tests.integration.bus.installation import (
    SHAPES,
    TOPIC_OF,
    Installation,
    Shape,
    an_event,
    consuming,
    message,
    number_of,
    subscribe,
)
from tests.waiting import wait_until

PLANTED = "s3cr3t-refresh-token"
Headers = list[tuple[str, bytes | None]]


def with_header(name: str, value: bytes | None) -> Callable[[Envelope], tuple[bytes | None, Headers]]:
    return lambda good: (good.value, [(n, v) for n, v in encode(good) if n != name] + [(name, value)])


def altered(**changed: object) -> Callable[[Envelope], tuple[bytes | None, Headers]]:
    def alter(good: Envelope) -> tuple[bytes | None, Headers]:
        forged = replace(good, **changed)  # type: ignore[arg-type]
        return forged.value, [*encode(forged)]

    return alter


def with_another_ring(good: Envelope) -> tuple[bytes | None, Headers]:
    signed = sign(good, AuthRing.new("r9").principal_key("admin", 1))
    return signed.value, [*encode(signed)]


def with_a_made_up_ring_of_the_same_id(good: Envelope) -> tuple[bytes | None, Headers]:
    signed = sign(good, AuthRing.new("r1").principal_key("admin", 1))
    return signed.value, [*encode(signed)]


BAD: dict[str, tuple[Callable[[Envelope], tuple[bytes | None, Headers]], str]] = {
    "no headers at all": (lambda good: (good.value, []), "malformed_envelope"),
    "a header that is not UTF-8": (with_header("ce_id", b"\xff\xfe"), "malformed_envelope"),
    "a header that is null": (with_header("ce_type", None), "malformed_envelope"),
    "a header twice": (lambda good: (good.value, [*encode(good), ("ce_id", b"x")]), "malformed_envelope"),
    "another content type": (with_header("content-type", b"text/plain"), "malformed_envelope"),
    "a time without zone": (with_header("ce_time", b"2026-11-24T08:00:00"), "malformed_envelope"),
    "an oversized header": (with_header("ce_id", b"x" * 600), "too_large"),
    "no signature": (altered(signature=None), "unsigned"),
    "a signature that is none": (with_header("signature", b"v1;admin;1;r1;x"), "malformed_signature"),
    "a forged value": (altered(value=b'{"config":"all of them"}'), "wrong_signature"),
    "a forged sender": (altered(source="/principals/console"), "wrong_signature"),
    "another ring": (with_another_ring, "unknown_ring"),
    "a ring of the same id": (with_a_made_up_ring_of_the_same_id, "wrong_signature"),
    "an emptied value": (altered(value=b""), "wrong_signature"),
    "a removed value": (altered(value=None), "wrong_signature"),
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_bad_messages_become_dead_letters_and_their_neighbours_go_on(
    installation: Installation, shape: Shape
) -> None:
    topic = installation.settings.topic(TOPIC_OF[shape])
    expected, places = list[str](), list[int]()
    for n, (make, reason) in enumerate(BAD.values()):
        good = installation.question(message(shape, n), correlation_id=PLANTED)
        await installation.send(good)
        value, headers = make(good)
        place = await installation.put(topic, value, headers, key=good.key)
        expected.append(reason)
        places.append(place.offset)
    handled: list[int] = []

    async def note(messages: Sequence[Received]) -> None:
        handled.extend(number_of(one) for one in messages)

    broker = installation.broker()
    subscribe(broker, shape, installation.gate(TOPIC_OF[shape]), note)
    async with consuming(broker):
        await wait_until(lambda: len(handled) == len(BAD))
        await wait_until(lambda: not broker.problems())
        letters: list[DeadLetter] = await wait_until(lambda: _letters(installation, len(BAD)))
    assert handled == list(range(len(BAD)))
    assert [(one.topic, one.partition, one.offset) for one in letters] == [(topic, 0, offset) for offset in places]
    assert dict(zip(BAD, [one.reason for one in letters], strict=True)) == dict(zip(BAD, expected, strict=True))
    assert PLANTED not in "".join(one.model_dump_json() for one in letters)


async def _letters(installation: Installation, count: int) -> list[DeadLetter]:
    letters = await installation.letters()
    return letters if len(letters) >= count else []


async def test_a_principal_cannot_send_events(installation: Installation) -> None:
    """Signed well and even registered, but not by one who sends on this topic."""
    handled: list[ReceivedEvent] = []

    async def note(events: Sequence[ReceivedEvent]) -> None:
        handled.extend(events)

    broker = installation.broker()
    stream(broker, installation.service_gate(CONFIG_EVENTS), group="test", handler=note)
    event, publisher = an_event(), installation.publisher
    good = publisher.event(event, id="e1", time=installation.now(), key=event.config_id)
    by_refresher = sign(good, installation.ring.service_key("refresher"))
    of_another_type = publisher.event(
        PrincipalChanged(principal="x", role="mail", version=1, sequence=1), id="e2", time=installation.now(), key="x"
    )
    misfit = replace(good, value=b'{"config_id":"x"}', id="e3")
    async with consuming(broker):
        await installation.send(installation.question(event), by_refresher)
        moved = replace(of_another_type, topic=good.topic)
        await publisher.publish_many([moved, misfit, good])
        await publisher.publish_many(
            [publisher.tombstone(type(event), id="e4", time=installation.now(), key=event.config_id)]
        )
        await wait_until(lambda: len(handled) == 2)
    assert [one.message for one in handled] == [event, None]
    assert handled[1].envelope.key == event.config_id.encode()
    assert [one.reason for one in await installation.letters()] == [
        "wrong_sender",
        "wrong_sender",
        "unknown_type",
        "malformed_value",
    ]


@pytest.mark.parametrize("shape", SHAPES)
async def test_while_dead_letters_cannot_be_reported_nothing_is_committed(
    installation: Installation, shape: Shape
) -> None:
    """The report is the effect of a bad message: lost with it would be lost for ever."""
    topic = installation.settings.topic(TOPIC_OF[shape])
    await installation.put(topic, b"junk", [])
    await installation.publisher.stop()
    broker = installation.broker()
    subscription = subscribe(broker, shape, installation.gate(TOPIC_OF[shape]), _never)
    async with consuming(broker):
        await wait_until(lambda: subscription.flight.failing)
    await installation.publisher.start()
    again = installation.broker()
    subscribe(again, shape, installation.gate(TOPIC_OF[shape]), _never)
    async with consuming(again):
        letters: list[DeadLetter] = await wait_until(installation.letters)
    assert [one.offset for one in letters] == [0]


async def _never(_messages: Sequence[Received]) -> None:
    raise AssertionError("a bad message reached the handler")
