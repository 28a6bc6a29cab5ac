"""Logging in on another device (RFC 8628): codes to show, the person's answer, and the client's questions."""

import secrets
from typing import Any

from devstack.provider.answer import Answer, json_answer
from devstack.provider.assertions import Assertions
from devstack.provider.client_auth import authenticate
from devstack.provider.code_grant import first_answer, open_grant
from devstack.provider.errors import Reason, Refused
from devstack.provider.form import FormRequest
from devstack.provider.id_token import IdTokens
from devstack.provider.issuing import REMEMBER_USED, Twist
from devstack.provider.provider import Provider
from devstack.provider.records import DeviceCode, digest
from devstack.provider.settings import ClientSettings

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, so that no word comes out (RFC 8628 section 6.1)
SLOWER = 5  # seconds that a question too soon adds to the interval (section 3.5)


class DeviceAuthorizationEndpoint:
    def __init__(self, provider: Provider, assertions: Assertions) -> None:
        self._provider = provider
        self._assertions = assertions

    def __call__(self, request: FormRequest, _: Twist) -> Answer:
        client = authenticate(self._provider, self._assertions, request)
        if DEVICE_CODE not in client.grant_types:
            raise Refused(Reason.GRANT_TYPE_FORBIDDEN)
        settings, now = self._provider.realms[request.realm], self._provider.clock()
        text, user_code = secrets.token_urlsafe(32), _user_code()
        ends = now + settings.device_code_life
        self._provider.store.put(
            DeviceCode(
                id=digest(text),
                realm=request.realm,
                client_id=client.client_id,
                user_code=user_code,
                scope=tuple(request.parameters.get("scope", "").split()),
                interval=settings.device_interval,
                expires_at=ends,
                forget_at=ends + REMEMBER_USED,
            )
        )
        address = f"{self._provider.issuer(request.realm)}/device"
        return json_answer(
            {
                "device_code": text,
                "user_code": user_code,
                "verification_uri": address,
                "verification_uri_complete": f"{address}?user_code={user_code}",
                "expires_in": round(settings.device_code_life),
                "interval": settings.device_interval,
            }
        )


def find(provider: Provider, realm: str, user_code: str) -> DeviceCode | None:
    """The login that a person means; case and hyphens do not matter."""
    wanted = _plain(user_code)
    codes = (
        code for code in provider.store.all(DeviceCode) if code.realm == realm and code.expires_at > provider.clock()
    )
    return next((code for code in codes if code.decision is None and _plain(code.user_code) == wanted), None)


def decide(provider: Provider, code: DeviceCode, login: str, *, allowed: bool) -> None:
    code.login, code.decision = login, "allowed" if allowed else "denied"
    provider.store.put(code)
    provider.store.flush()


def answer_device(
    provider: Provider, id_tokens: IdTokens, client: ClientSettings, request: FormRequest
) -> dict[str, Any]:
    code = _answered(provider, client, request)
    grant = open_grant(provider, request.realm, client.client_id, code.login or "", code.scope)
    code.grant_id = grant.id
    provider.store.put(code)
    body = first_answer(provider, grant, offline="offline_access" in code.scope)
    if "openid" in grant.scope:
        body["id_token"] = id_tokens.make(request.realm, client.client_id, grant.login, None)
    return body


def _answered(provider: Provider, client: ClientSettings, request: FormRequest) -> DeviceCode:
    code, now = provider.store.get(DeviceCode, digest(request.require("device_code"))), provider.clock()
    if code is None or code.realm != request.realm or code.client_id != client.client_id or code.grant_id is not None:
        raise Refused(Reason.DEVICE_CODE_UNKNOWN)
    too_soon = code.asked_at is not None and now - code.asked_at < code.interval
    code.asked_at = now
    provider.store.put(code)
    if code.expires_at <= now:
        raise Refused(Reason.DEVICE_CODE_EXPIRED)
    if code.decision == "denied":
        raise Refused(Reason.DEVICE_DENIED)
    if too_soon:
        code.interval += SLOWER
        raise Refused(Reason.DEVICE_TOO_SOON)
    if code.decision is None:
        raise Refused(Reason.DEVICE_PENDING)
    return code


def _user_code() -> str:
    half = "".join(secrets.choice(LETTERS) for _ in range(4))
    return f"{half}-{''.join(secrets.choice(LETTERS) for _ in range(4))}"


def _plain(user_code: str) -> str:
    return "".join(character for character in user_code.upper() if character.isalnum())
