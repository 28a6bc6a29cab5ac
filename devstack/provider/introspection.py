"""The introspection endpoint (RFC 7662): what a mail server asks about a token; and userinfo for its holder."""

from collections.abc import Callable
from typing import Any

from devstack.provider.answer import Answer, json_answer
from devstack.provider.assertions import Assertions
from devstack.provider.client_auth import authenticate
from devstack.provider.errors import Reason, Refused
from devstack.provider.form import FormRequest
from devstack.provider.id_token import subject
from devstack.provider.issuing import Twist
from devstack.provider.provider import Provider
from devstack.provider.records import AccessToken, Grant, RefreshToken, digest

INACTIVE = {"active": False}


class IntrospectionEndpoint:
    """Any confidential client may ask about any token of its realm, as a resource server does."""

    def __init__(self, provider: Provider, assertions: Assertions) -> None:
        self._provider = provider
        self._assertions = assertions

    def __call__(self, request: FormRequest, _: Twist) -> Answer:
        if authenticate(self._provider, self._assertions, request).public:
            raise Refused(Reason.SECRET_MISSING)
        return json_answer(self.describe(request.realm, request.require("token")))

    def describe(self, realm: str, text: str) -> dict[str, Any]:
        token_id, store = digest(text), self._provider.store
        access = store.get(AccessToken, token_id)
        if access is not None:
            return self._access_token(realm, access)
        refresh_token = store.get(RefreshToken, token_id)
        return INACTIVE if refresh_token is None else self._refresh_token(realm, refresh_token)

    def _access_token(self, realm: str, access: AccessToken) -> dict[str, Any]:
        alive = access.realm == realm and access.expires_at > self._provider.clock()
        if not alive or self._is_revoked(access.grant_id):
            return INACTIVE
        body = {
            "active": True,
            "iss": self._provider.issuer(realm),
            "client_id": access.client_id,
            "token_type": "Bearer",
            "scope": " ".join(access.scope),
            "iat": int(access.issued_at),
            "exp": int(access.expires_at),
        }
        if access.login is None:
            return body | {"sub": access.client_id}
        return body | {"sub": subject(access.login), "username": access.login}

    def _refresh_token(self, realm: str, refresh_token: RefreshToken) -> dict[str, Any]:
        grant = self._provider.store.get(Grant, refresh_token.grant_id)
        ended = refresh_token.expires_at is not None and refresh_token.expires_at <= self._provider.clock()
        if grant is None or grant.realm != realm or grant.revoked_at is not None or ended or refresh_token.used_at:
            return INACTIVE
        return {"active": True, "client_id": grant.client_id, "username": grant.login, "scope": " ".join(grant.scope)}

    def _is_revoked(self, grant_id: str | None) -> bool:
        grant = None if grant_id is None else self._provider.store.get(Grant, grant_id)
        return grant is not None and grant.revoked_at is not None


def userinfo(introspection: IntrospectionEndpoint) -> Callable[[FormRequest, Twist], Answer]:
    """OpenID Connect Core section 5.3: the account behind a bearer token."""

    def answer(request: FormRequest, _: Twist) -> Answer:
        scheme, _space, text = (request.authorization or "").partition(" ")
        about = introspection.describe(request.realm, text) if scheme.lower() == "bearer" else INACTIVE
        if not about["active"] or "username" not in about:
            return json_answer({"error": "invalid_token"}, 401, {"www-authenticate": 'Bearer error="invalid_token"'})
        return json_answer({"sub": about["sub"], "email": about["username"], "email_verified": True})

    return answer
