"""The order of admission: whatever else is wrong with a message, the first fault of the list decides."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from grantkeeper.bus.admission import PrincipalAdmission, Refused, Unattributed
from grantkeeper.bus.messages import types_of
from grantkeeper.bus.received import Principal, Received, ReplyTo
from grantkeeper.crypto.ring import AuthRing
from grantkeeper_client import Envelope, sign
from schemas.token_requests import TokenStatusGet
from schemas.topics import TOKEN_REQUESTS
from tests.unit.bus.doubles import Directory, Record

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
RING, OTHER_RING = AuthRing.new("r1"), AuthRing.new("r2")
KNOWN = Principal("mail-1", "viewer", 2)

# In the order of admission: each fault of a message, and what comes of it.
FAULTS = {
    "envelope": "malformed_envelope",
    "unsigned": "unsigned",
    "signature": "malformed_signature",
    "ring": "unknown_ring",
    "mac": "wrong_signature",
    "source": "wrong_sender",
    "unknown": "not_caught_up",
    "disabled": "principal_disabled",
    "version": "principal_disabled",
    "type": "unknown_type",
    "role": "not_permitted",
    "no deadline": "malformed",
    "deadline": "deadline_exceeded",
    "value": "invalid_field",
}
ORDER = list(FAULTS)


def admission(faults: set[str]) -> PrincipalAdmission:
    principal = replace(KNOWN, disabled="disabled" in faults, role="mail" if "role" in faults else "viewer")
    directory = Directory({} if "unknown" in faults else {KNOWN.id: principal})
    return PrincipalAdmission(RING, directory, types_of(TOKEN_REQUESTS))


def question(faults: set[str]) -> Envelope:
    changed: dict[str, Any] = {}
    if "source" in faults:
        changed["source"] = "/principals/console"
    if "type" in faults:
        changed["type"] = "grantkeeper.made.up.v1"
    if "no deadline" in faults:
        changed["expirytime"] = None
    elif "deadline" in faults:
        changed["expirytime"] = NOW - timedelta(milliseconds=1)
    if "value" in faults:
        changed["value"] = b'{"config": 7}'
    envelope = Envelope(
        topic="t.token.requests",
        key=b"k",
        id="i1",
        type=TokenStatusGet.TYPE,
        source="/principals/mail-1",
        time=NOW - timedelta(seconds=1),
        expirytime=NOW + timedelta(seconds=9),
        value=b'{"config": "x"}',
        correlation_id="c1",
    )
    envelope = replace(envelope, **changed)
    ring = OTHER_RING if "ring" in faults else RING
    return sign(envelope, ring.principal_key("mail-1", 1 if "version" in faults else 2))


def record(faults: set[str]) -> Record:
    envelope = question(faults)
    if "mac" in faults:
        envelope = replace(envelope, subject=None, id="i2")
    if "signature" in faults:
        envelope = replace(envelope, signature="v1;nonsense")
    if "unsigned" in faults:
        envelope = replace(envelope, signature=None)
    good = Record.of(envelope)
    return replace(good, headers=(*good.headers, ("ce_id", b"\xff"))) if "envelope" in faults else good


def outcome(faults: set[str]) -> str | None:
    decision = admission(faults).decide(record(faults), NOW)
    match decision:
        case Received():
            return None
        case Refused():
            assert decision.reply_to == ReplyTo("mail-1", 1 if "version" in faults else 2, "r1", "c1")
            return decision.error.code
        case Unattributed():
            assert (decision.place.partition, decision.place.offset) == (3, 14)
            return decision.reason


@given(st.sets(st.sampled_from(ORDER)))
def test_the_first_fault_decides(faults: set[str]) -> None:
    first = min(faults, key=ORDER.index, default=None)
    assert outcome(faults) == (None if first is None else FAULTS[first])


@given(st.timedeltas(min_value=timedelta(minutes=-30), max_value=timedelta(minutes=30)))
def test_a_deadline_is_taken_while_it_lies_ahead_and_within_ten_minutes_of_the_sending(ahead: timedelta) -> None:
    ahead -= timedelta(microseconds=ahead.microseconds % 1000)
    envelope = replace(question(set()), expirytime=NOW + ahead)
    signed = sign(envelope, RING.principal_key("mail-1", 2))
    decision = admission(set()).decide(Record.of(signed), NOW)
    in_time = timedelta(0) < ahead <= timedelta(minutes=10) - (NOW - envelope.time)
    assert isinstance(decision, Received) is in_time


@given(
    st.integers(min_value=-900_000, max_value=900_000).map(lambda one: timedelta(milliseconds=one)),
    st.integers(min_value=1, max_value=700_000).map(lambda one: timedelta(milliseconds=one)),
)
def test_no_message_is_good_for_longer_than_ten_minutes_from_now_however_it_is_dated(
    ahead: timedelta, for_how_long: timedelta
) -> None:
    sent = NOW + ahead
    envelope = replace(question(set()), time=sent, expirytime=sent + for_how_long)
    decision = admission(set()).decide(Record.of(sign(envelope, RING.principal_key("mail-1", 2))), NOW)
    in_time = NOW < sent + for_how_long <= NOW + timedelta(minutes=10)
    dated_well = ahead <= timedelta(minutes=1) and for_how_long <= timedelta(minutes=10)
    assert isinstance(decision, Received) is (in_time and dated_well)


def test_a_clock_that_runs_ahead_is_named_as_the_cause() -> None:
    sent = NOW + timedelta(minutes=2)
    envelope = replace(question(set()), time=sent, expirytime=sent + timedelta(seconds=10))
    decision = admission(set()).decide(Record.of(sign(envelope, RING.principal_key("mail-1", 2))), NOW)
    assert isinstance(decision, Refused)
    assert "set the sender's clock" in decision.error.message


@given(
    st.binary(max_size=64) | st.none(),
    st.binary(max_size=64) | st.none(),
    st.lists(st.tuples(st.sampled_from(["ce_id", "ce_time", "signature", "x"]), st.binary(max_size=64) | st.none())),
)
def test_no_bytes_whatever_get_in_or_raise(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    decision = admission(set()).decide(Record("t.token.requests", key, value, tuple(headers)), NOW)
    assert isinstance(decision, Unattributed)


@given(st.binary(max_size=200))
def test_a_known_sender_is_always_answered_whatever_the_value(value: bytes) -> None:
    signed = sign(replace(question(set()), value=value), RING.principal_key("mail-1", 2))
    decision = admission(set()).decide(Record.of(signed), NOW)
    assert isinstance(decision, Refused)
    assert decision.error.code in {"malformed", "invalid_field"}
