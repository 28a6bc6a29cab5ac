from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from grantkeeper_client import Envelope, MalformedMessage, SigningKey, decode, encode, sign, verify
from tests.unit.client.examples import KEY, MESSAGE
from tests.unit.client.strategies import attributes, envelopes

names = ["content-type", "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "signature", "x"]
values = st.none() | st.binary(max_size=40) | st.sampled_from([b"application/json", b"1.0", b"2026-11-24T08:00:00Z"])
any_headers = st.lists(st.tuples(st.sampled_from(names), values), max_size=12)


@given(envelopes)
def test_what_is_encoded_is_decoded_to_the_same(envelope: Envelope) -> None:
    assert decode(envelope.topic, envelope.key, envelope.value, encode(envelope)) == envelope


@given(any_headers)
def test_any_headers_are_either_a_message_or_refused_with_a_reason(headers: list[tuple[str, bytes | None]]) -> None:
    """Nothing else is ever raised: one bad header must not end a batch."""
    try:
        envelope = decode("t", None, b"{}", headers)
    except MalformedMessage:
        return
    assert decode("t", None, b"{}", encode(envelope)) == envelope


@given(envelopes)
def test_signing_changes_the_signature_alone(envelope: Envelope) -> None:
    assert replace(sign(envelope, KEY), signature=envelope.signature) == envelope


@given(envelopes)
def test_a_signature_survives_the_wire(envelope: Envelope) -> None:
    signed = sign(envelope, KEY)
    assert verify(decode(signed.topic, signed.key, signed.value, encode(signed)), KEY)


@given(envelopes, st.data())
def test_any_change_of_a_signed_field_breaks_the_signature(envelope: Envelope, data: st.DataObject) -> None:
    signed = sign(envelope, KEY)
    name = data.draw(
        st.sampled_from(
            ["topic", "key", "id", "type", "source", "time", "expirytime", "correlation_id", "value"],
        )
    )
    other = getattr(data.draw(envelopes), name)
    changed = replace(signed, **{name: other})
    assert verify(changed, KEY) is (other == getattr(envelope, name))


@given(envelopes, st.binary(min_size=32, max_size=32))
def test_no_other_key_verifies(envelope: Envelope, secret: bytes) -> None:
    signed = sign(envelope, KEY)
    assert verify(signed, SigningKey(KEY.signer, KEY.version, KEY.ring_id, secret)) is (secret == KEY.secret)


@given(attributes, attributes)
def test_no_byte_moves_unseen_from_one_field_to_its_neighbour(left: str, right: str) -> None:
    """Lengths are signed: "ab" + "c" and "a" + "bc" are two messages."""
    one = Envelope("t", None, left, right, "s", MESSAGE.time, None)
    other = Envelope("t", None, left + right[:1], right[1:], "s", MESSAGE.time, None)
    assert sign(one, KEY).signature != sign(other, KEY).signature
