"""XOAUTH2 and OAUTHBEARER as clients send them."""

import json

import pytest

from devstack.mail.sasl import MalformedSasl, Presented, failure_challenge, read_response


@pytest.mark.parametrize(
    ("mechanism", "response", "user"),
    [
        ("XOAUTH2", b"user=a@x.test\x01auth=Bearer t0k=\x01\x01", "a@x.test"),
        ("xoauth2", b"user=a@x.test\x01auth=bearer t0k=\x01\x01", "a@x.test"),
        ("OAUTHBEARER", b"n,a=a@x.test,\x01host=h\x01port=993\x01auth=Bearer t0k=\x01\x01", "a@x.test"),
        ("OAUTHBEARER", b"n,a=a=2Cb=3Dc@x.test,\x01auth=Bearer t0k=\x01\x01", "a,b=c@x.test"),
    ],
)
def test_user_and_token_are_read(mechanism: str, response: bytes, user: str) -> None:
    assert read_response(mechanism, response) == Presented(user, "t0k=")


@pytest.mark.parametrize(
    ("mechanism", "response"),
    [
        ("XOAUTH2", b""),
        ("XOAUTH2", b"user=a@x.test\x01auth=Bearer \x01\x01"),
        ("XOAUTH2", b"user=a@x.test\x01auth=Basic abc\x01\x01"),
        ("XOAUTH2", b"user=\xff\x01auth=Bearer t\x01\x01"),
        ("XOAUTH2", b"n,a=a@x.test,\x01auth=Bearer t\x01\x01"),
        ("OAUTHBEARER", b"n,,\x01auth=Bearer t\x01\x01"),
        ("OAUTHBEARER", b"n,a=a@x.test,\x01auth=Bearer t\x01auth=Bearer u\x01\x01"),
        ("OAUTHBEARER", b"p=tls-unique,a=a@x.test,\x01auth=Bearer t\x01\x01"),
    ],
)
def test_anything_else_is_malformed(mechanism: str, response: bytes) -> None:
    with pytest.raises(MalformedSasl):
        read_response(mechanism, response)


def test_the_challenge_of_a_failure_has_the_mechanisms_own_status() -> None:
    assert json.loads(failure_challenge("XOAUTH2", "invalid_token", "s")) == {
        "status": "401",
        "schemes": "bearer",
        "scope": "s",
    }
    assert json.loads(failure_challenge("OAUTHBEARER", "insufficient_scope", "s")) == {
        "status": "insufficient_scope",
        "scope": "s",
    }
