from base64 import b64encode

import pytest

from grantkeeper_client import SaslError, oauthbearer, pop3_two_lines, xoauth2


def test_xoauth2_is_znunys_string() -> None:
    """The vector of the system that Grantkeeper succeeds, so that mail servers see no difference."""
    expected = b"dXNlcj11bml0LXRlc3QtdXNlcgFhdXRoPUJlYXJlciB1bml0LXRlc3QtdG9rZW4BAQ=="
    assert b64encode(xoauth2("unit-test-user", "unit-test-token")) == expected


def test_oauthbearer_is_the_example_of_rfc_7628() -> None:
    """RFC 7628, section 4.1."""
    message = oauthbearer("user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==", "server.example.com", 143)
    assert message == (
        b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01"
        b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"
    )


def test_oauthbearer_escapes_comma_and_equals_sign_of_the_user() -> None:
    assert oauthbearer("a=b,c", "t") == b"n,a=a=3Db=2Cc,\x01auth=Bearer t\x01\x01"


def test_pop3_on_two_lines_sends_the_command_then_the_data() -> None:
    assert pop3_two_lines("unit-test-user", "unit-test-token") == (
        "AUTH XOAUTH2",
        "dXNlcj11bml0LXRlc3QtdXNlcgFhdXRoPUJlYXJlciB1bml0LXRlc3QtdG9rZW4BAQ==",
    )


def test_a_user_may_have_any_letters() -> None:
    assert "jürgen@example.com".encode() in xoauth2("jürgen@example.com", "t")


@pytest.mark.parametrize("text", ["a\r\nb", "a\nb", "a\x01auth=Bearer x", "a\x00b", "a\x7fb", ""])
def test_what_would_break_out_of_its_field_is_refused_without_quoting_it(text: str) -> None:
    for composed in (
        lambda: xoauth2(text, "t"),
        lambda: xoauth2("u", text),
        lambda: oauthbearer(text, "t"),
        lambda: oauthbearer("u", text),
        lambda: oauthbearer("u", "t", host=text),
        lambda: pop3_two_lines(text, "t"),
    ):
        with pytest.raises(SaslError) as caught:
            composed()
        assert "Bearer x" not in str(caught.value)
