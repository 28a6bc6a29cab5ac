"""Logging in by device code (RFC 8628)."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from grantkeeper.oauth2.answer import HttpAnswer
from grantkeeper.oauth2.client_auth import Client
from grantkeeper.oauth2.device import (
    INTERVAL_MAX,
    LIFE,
    LIFE_MAX,
    DeviceAuthorization,
    UnusableDeviceAnswer,
    device_request,
    next_interval,
    poll_request,
    read_device_answer,
)
from grantkeeper.oauth2.errors import Failure
from schemas.reasons import AttemptClass
from schemas.token_config import TokenConfig

URL = "https://idp.example.test/device"
NOW = datetime(2030, 1, 1, tzinfo=UTC)
CONFIG = TokenConfig(name="Support", template="Example", client_id="app", scope="mail offline_access")
GOOD: dict[str, Any] = {
    "device_code": "d" * 43,
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://idp.example.test/activate",
    "verification_uri_complete": "https://idp.example.test/activate?user_code=WDJB-MJHT",
    "expires_in": 1800,
    "interval": 5,
}


def form(request: Any) -> dict[str, str]:
    return {name: value.get_secret_value() for name, value in request.form.items()}


def read(status: int = 200, **changed: Any) -> DeviceAuthorization | Failure:
    payload = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    request = device_request(CONFIG, Client("app"), endpoint=URL)
    return read_device_answer(request, HttpAnswer(status, {}, json.dumps(payload).encode()), now=NOW)


def started(**changed: Any) -> DeviceAuthorization:
    found = read(**changed)
    assert isinstance(found, DeviceAuthorization)
    return found


def test_the_client_proves_itself_as_at_the_token_endpoint() -> None:
    request = device_request(CONFIG, Client("app", SecretStr("s3cret")), endpoint=URL)
    assert form(request) == {"client_id": "app", "client_secret": "s3cret", "scope": "mail offline_access"}
    public = device_request(CONFIG, Client("app", SecretStr("s3cret"), "none"), endpoint=URL)
    assert form(public) == {"client_id": "app", "scope": "mail offline_access"}


def test_a_poll_carries_the_code_and_nothing_of_a_login_by_browser() -> None:
    request = poll_request(Client("app"), endpoint=URL, device_code=SecretStr("d1"))
    grant_type = "urn:ietf:params:oauth:grant-type:device_code"
    assert form(request) == {"client_id": "app", "device_code": "d1", "grant_type": grant_type}
    assert "d1" in request.secrets()


def test_what_the_provider_gives_is_taken_as_it_is() -> None:
    found = started()
    assert found.device_code.get_secret_value() == "d" * 43
    assert (found.user_code, found.expires_in, found.interval) == ("WDJB-MJHT", 1800, 5)
    assert found.verification_uri_complete == GOOD["verification_uri_complete"]
    assert "dddd" not in repr(found)


def test_google_names_the_address_otherwise() -> None:
    assert started(verification_uri=None, verification_url="https://google.test/device").verification_uri == (
        "https://google.test/device"
    )


@pytest.mark.parametrize(
    ("given", "expires_in", "interval"),
    [
        ({"expires_in": None, "interval": None}, LIFE, 5),
        ({"expires_in": 0, "interval": 0}, LIFE, 5),
        ({"expires_in": "900", "interval": "7"}, 900, 7),
        ({"expires_in": 10**9, "interval": 10**9}, LIFE_MAX, INTERVAL_MAX),
    ],
)
def test_absurd_times_count_as_not_given(given: dict[str, Any], expires_in: int, interval: int) -> None:
    found = started(**given)
    assert (found.expires_in, found.interval) == (expires_in, interval)


@pytest.mark.parametrize(
    "changed",
    [
        {"device_code": None},
        {"user_code": ""},
        {"user_code": "A\u001b[31mB"},
        {"user_code": "A" * 101},
        {"verification_uri": None},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": "https://[broken"},
    ],
)
def test_an_answer_that_nobody_can_use_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(UnusableDeviceAnswer, match="no device code"):
        read(**changed)


def test_an_address_with_the_code_in_it_is_left_out_where_it_is_none() -> None:
    assert started(verification_uri_complete="data:text/html,x").verification_uri_complete is None


def test_a_refusal_is_classified_like_every_other() -> None:
    found = read(400, error="unauthorized_client")
    assert isinstance(found, Failure)
    assert found.code == "unauthorized_client"


def refused(code: str, meaning: AttemptClass = "transient") -> Failure:
    return Failure(meaning, "grant", code, "none", "", code)


@pytest.mark.parametrize(
    ("failure", "wait"),
    [
        (refused("authorization_pending"), 5),
        (refused("AADSTS70016"), 5),
        (refused("slow_down"), 10),
        (refused("timeout", "ambiguous"), 10),
        (refused("http_503"), 10),
        (replace(refused("http_429"), wait=120.5, retry_after_given=True), 121),
        (refused("expired_token", "reauthorization"), None),
        (refused("access_denied", "policy"), None),
        (refused("invalid_client", "client_fault"), None),
        (replace(refused("no_access_token"), refresh_token=SecretStr("came-alone")), None),
    ],
)
def test_the_next_question_comes_as_late_as_the_answer_asks(failure: Failure, wait: int | None) -> None:
    assert next_interval(5, failure) == wait


def test_no_answer_makes_the_wait_endless() -> None:
    interval: int | None = 5
    for _ in range(100):
        assert interval is not None
        interval = next_interval(interval, refused("slow_down"))
    assert interval == INTERVAL_MAX
