"""Form bodies: once each, empty ones left out."""

import pytest

from devstack.provider.errors import Reason, Refused
from devstack.provider.form import FormRequest, parse_form


def test_an_empty_parameter_counts_as_left_out() -> None:
    assert parse_form(b"token=a%2Bb&client_secret=&scope=x+y") == {"token": "a+b", "scope": "x y"}


@pytest.mark.parametrize(
    "body", [b"code=a&code=b", b"code=%FF", b"\xff=1", b"&".join(b"a%d=1" % n for n in range(101))]
)
def test_a_malformed_body_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        parse_form(body)
    assert refused.value.reason is Reason.MALFORMED


def test_a_missing_parameter_is_named_as_such() -> None:
    with pytest.raises(Refused) as refused:
        FormRequest("strict", {}).require("code")
    assert refused.value.reason is Reason.MISSING


def test_a_request_shows_no_secret_of_its_own() -> None:
    assert "hunter2" not in repr(FormRequest("strict", {"client_secret": "hunter2"}, "Basic hunter2"))
