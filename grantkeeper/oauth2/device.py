"""Logging in on another device (RFC 8628): the person types a code there, and the client asks for the outcome."""

from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from grantkeeper.oauth2.answer import HttpAnswer, NotJson, json_object
from grantkeeper.oauth2.client_auth import Client, form_fields, headers
from grantkeeper.oauth2.errors import Failure, read_answer
from grantkeeper.oauth2.token_request import TokenRequest
from grantkeeper.oauth2.token_response import lifetime
from schemas.token_config import TokenConfig

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:device_code"
PENDING: Final = frozenset({"authorization_pending", "AADSTS70016"})
"""Nobody has decided yet (section 3.5); the second is Microsoft's number for it."""
WAITING: Final = PENDING | {"slow_down"}
"""Answers to a poll that are no failures."""
INTERVAL: Final = 5
"""Seconds between two questions where the provider names none (section 3.2), and what `slow_down` adds (3.5)."""
INTERVAL_MAX: Final = 300
LIFE: Final = 900
"""Seconds of a code whose life is not given, though it must be: what Microsoft gives."""
LIFE_MAX: Final = 3600
_CODE_MAX, _ADDRESS_MAX = 100, 2000


@dataclass(frozen=True, slots=True)
class DeviceAuthorization:
    """What the provider gave to start with."""

    device_code: SecretStr = field(repr=False)
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_in: int
    interval: int


class UnusableDeviceAnswer(Exception):
    """The provider's answer names no device code, no user code or no address to open: look at its status page."""


def device_request(config: TokenConfig, client: Client, *, endpoint: str) -> TokenRequest:
    """Ask for a code to show (section 3.1); the client proves itself as at the token endpoint."""
    scope = {"scope": config.scope} if config.scope else {}
    return _request(endpoint, client, scope)


def poll_request(client: Client, *, endpoint: str, device_code: SecretStr) -> TokenRequest:
    """Ask for the outcome (section 3.4)."""
    return _request(endpoint, client, {"grant_type": GRANT_TYPE, "device_code": device_code.get_secret_value()})


def read_device_answer(request: TokenRequest, answer: HttpAnswer, *, now: datetime) -> DeviceAuthorization | Failure:
    """Read the answer to `device_request` (section 3.2); raises UnusableDeviceAnswer."""
    if not answer.succeeded:
        outcome = read_answer(request, answer, default_expires_in=LIFE, now=now)
        if isinstance(outcome, Failure):
            return outcome
    try:
        payload = json_object(answer)
    except NotJson as error:
        raise UnusableDeviceAnswer(f"the provider's answer: {error}") from None
    device_code, user_code = _text(payload, "device_code", _ADDRESS_MAX), _text(payload, "user_code", _CODE_MAX)
    # Google's name for it comes second.
    address = _address(payload, "verification_uri") or _address(payload, "verification_url")
    if device_code is None or user_code is None or address is None:
        raise UnusableDeviceAnswer(UnusableDeviceAnswer.__doc__)
    return DeviceAuthorization(
        SecretStr(device_code),
        user_code,
        address,
        _address(payload, "verification_uri_complete"),
        min(lifetime(payload.get("expires_in")) or LIFE, LIFE_MAX),
        min(lifetime(payload.get("interval")) or INTERVAL, INTERVAL_MAX),
    )


def next_interval(interval: int, failure: Failure) -> int | None:
    """Return the seconds before the next question; None = the login has failed (section 3.5)."""
    if failure.refresh_token is not None:
        return None  # an answer that gave one has used the code up
    if failure.code in PENDING:
        return interval
    if failure.code == "slow_down":
        return min(interval + INTERVAL, INTERVAL_MAX)
    if failure.attempt_class in {"transient", "transient_alarm", "ambiguous"}:
        return min(max(interval * 2, ceil(failure.wait)), INTERVAL_MAX)
    return None


def _request(endpoint: str, client: Client, form: dict[str, str]) -> TokenRequest:
    fields = {**form, **form_fields(client)}
    return TokenRequest(endpoint, {name: SecretStr(value) for name, value in sorted(fields.items())}, headers(client))


def _text(payload: dict[str, Any], name: str, longest: int) -> str | None:
    value = payload.get(name)
    return value if isinstance(value, str) and 0 < len(value) <= longest and value.isprintable() else None


def _address(payload: dict[str, Any], name: str) -> str | None:
    """Take only what a person may be sent to."""
    value = _text(payload, name, _ADDRESS_MAX)
    if value is None:
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return value if parts.scheme in {"https", "http"} and parts.hostname else None
