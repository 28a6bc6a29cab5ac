from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from grantkeeper_client import Envelope, MalformedMessage, SignatureParts, SigningKey, parse_signature, sign, verify
from tests.unit.client.examples import KEY, MESSAGE

MAC = "A" * 43
CHANGES: dict[str, Any] = {
    "topic": MESSAGE.topic + "x",
    "key": b"other",
    "id": "other",
    "type": "grantkeeper.token.revoke.v1",
    "source": "/principals/mail-2",
    "time": MESSAGE.time + timedelta(milliseconds=1),
    "expirytime": None,
    "correlation_id": "c-2",
    "value": b'{"config":"Sales mailbox"}',
}


def test_a_signed_message_verifies() -> None:
    assert verify(sign(MESSAGE, KEY), KEY)


@pytest.mark.parametrize("name", CHANGES)
def test_a_message_of_which_one_signed_field_was_changed_does_not_verify(name: str) -> None:
    changed = {name: CHANGES[name]}
    assert not verify(replace(sign(MESSAGE, KEY), **changed), KEY)


@pytest.mark.parametrize("name", ["key", "expirytime", "correlation_id", "value"])
def test_absent_and_empty_are_not_the_same(name: str) -> None:
    empty = sign(replace(MESSAGE, key=b"", correlation_id="", value=b""), KEY)
    absent: dict[str, Any] = {name: None}
    assert not verify(replace(empty, **absent), KEY)


def test_subject_and_trace_are_not_signed_so_nothing_may_be_decided_by_them() -> None:
    assert verify(replace(sign(MESSAGE, KEY), subject="other", traceparent=None), KEY)


def test_an_unsigned_message_does_not_verify() -> None:
    assert not verify(MESSAGE, KEY)


@pytest.mark.parametrize(
    "other",
    [
        SigningKey("mail-2", 2, "r1", KEY.secret),
        SigningKey("mail-1", 3, "r1", KEY.secret),
        SigningKey("mail-1", 2, "r2", KEY.secret),
        SigningKey("mail-1", 2, "r1", KEY.secret[:-1] + b"x"),
    ],
)
def test_a_signature_names_its_key_and_no_other_one_verifies_it(other: SigningKey) -> None:
    assert not verify(sign(MESSAGE, KEY), other)
    assert not verify(sign(MESSAGE, other), KEY)


def test_signing_again_replaces_the_signature() -> None:
    once: Envelope = sign(MESSAGE, KEY)
    assert sign(once, KEY) == once


def test_a_signature_is_parsed_into_its_parts() -> None:
    assert parse_signature(f"v1;@refresher;1;r-2;{MAC}") == SignatureParts("@refresher", 1, "r-2", bytes(32))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v1",
        f"v2;mail-1;1;r1;{MAC}",
        f"v1;Mail-1;1;r1;{MAC}",
        f"v1;mail_1;1;r1;{MAC}",
        f"v1;@;1;r1;{MAC}",
        f"v1;mail-1;0;r1;{MAC}",
        f"v1;mail-1;01;r1;{MAC}",
        f"v1;mail-1;+1;r1;{MAC}",
        f"v1;mail-1;9999999999;r1;{MAC}",
        f"v1;mail-1;1;;{MAC}",
        f"v1;mail-1;1;r1;{MAC[:-1]}",
        f"v1;mail-1;1;r1;{MAC}=",
        f"v1;mail-1;1;r1;{MAC[:-1]}B",  # the spare bits of the last character are not zero
        f"v1;mail-1;1;r1;{MAC};x",
        f"v1;mail-1;1;r1;{MAC}\n",
        f"v1;{'m' * 65};1;r1;{MAC}",
    ],
)
def test_a_signature_spelled_otherwise_is_malformed(text: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse_signature(text)
    assert caught.value.reason == "malformed_signature"


def test_a_signing_key_does_not_show_its_secret() -> None:
    shown = repr(KEY) + str(KEY)
    assert repr(KEY.secret) not in shown
    assert KEY.secret.hex() not in shown
