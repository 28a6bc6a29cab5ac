"""Revocation requests and what their answers mean."""

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from grantkeeper.oauth2.answer import HttpAnswer
from grantkeeper.oauth2.client_auth import Client
from grantkeeper.oauth2.revocation import read_revocation, revocation_request

NOW = datetime(2026, 11, 24, tzinfo=UTC)
REQUEST = revocation_request(
    Client("app", SecretStr("s")), endpoint="https://x.test/revoke", token=SecretStr("r-1"), hint="refresh_token"
)


def test_the_token_goes_with_its_hint_and_the_client() -> None:
    assert REQUEST.body() == b"client_id=app&client_secret=s&token=r-1&token_type_hint=refresh_token"


@pytest.mark.parametrize(
    ("status", "body"), [(200, b""), (200, b"<html>"), (204, b""), (400, b'{"error":"invalid_token"}')]
)
def test_a_token_that_is_gone_is_revoked(status: int, body: bytes) -> None:
    assert read_revocation(REQUEST, HttpAnswer(status, {}, body), now=NOW) is None


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (503, b"", "transient"),
        (400, b'{"error":"unsupported_token_type"}', "transient_alarm"),
        (401, b'{"error":"invalid_client"}', "client_fault"),
    ],
)
def test_anything_else_is_a_failure_with_its_meaning(status: int, body: bytes, meaning: str) -> None:
    failure = read_revocation(REQUEST, HttpAnswer(status, {}, body), now=NOW)
    assert failure is not None
    assert failure.attempt_class == meaning
