"""The token endpoint: proves the client, then answers by grant type. One call is one step: nothing waits inside."""

from typing import Any

from devstack.provider.answer import Answer, json_answer
from devstack.provider.assertions import JWT_BEARER, Assertions
from devstack.provider.client_auth import authenticate
from devstack.provider.code_grant import answer_code, open_grant
from devstack.provider.device_grant import DEVICE_CODE, answer_device
from devstack.provider.errors import Reason, Refused
from devstack.provider.form import FormRequest
from devstack.provider.id_token import IdTokens
from devstack.provider.issuing import Twist, issue_access_token, token_answer
from devstack.provider.provider import Provider
from devstack.provider.records import Pair
from devstack.provider.refresh_grant import answer_refresh
from devstack.provider.settings import ClientSettings

GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials", DEVICE_CODE, JWT_BEARER)


class TokenEndpoint:
    def __init__(self, provider: Provider, id_tokens: IdTokens, assertions: Assertions) -> None:
        self._provider = provider
        self._id_tokens = id_tokens
        self._assertions = assertions

    def __call__(self, request: FormRequest, twist: Twist) -> Answer:
        self._provider.store.forget_due(self._provider.clock())
        grant_type = request.require("grant_type")
        if grant_type not in GRANT_TYPES:
            raise Refused(Reason.GRANT_TYPE_UNKNOWN)
        if grant_type == JWT_BEARER:
            return json_answer(self._by_assertion(request))
        client = authenticate(self._provider, self._assertions, request)
        if grant_type not in client.grant_types or (grant_type == "client_credentials" and client.public):
            raise Refused(Reason.GRANT_TYPE_FORBIDDEN)
        return json_answer(self._by_client(grant_type, client, request, twist))

    def _by_client(self, grant_type: str, client: ClientSettings, request: FormRequest, twist: Twist) -> dict[str, Any]:
        if grant_type == "authorization_code":
            return answer_code(self._provider, self._id_tokens, client, request, twist)
        if grant_type == "refresh_token":
            return answer_refresh(self._provider, client, request, twist)
        if grant_type == DEVICE_CODE:
            return answer_device(self._provider, self._id_tokens, client, request)
        scope = tuple(request.parameters.get("scope", "").split())
        text, access = issue_access_token(self._provider, request.realm, client.client_id, scope, None)
        return token_answer(self._provider, access, Pair(text, None))

    def _by_assertion(self, request: FormRequest) -> dict[str, Any]:
        """A service account that acts for a mailbox: an access token, never a refresh token."""
        client, login, scope = self._assertions.grant(request)
        grant = open_grant(self._provider, request.realm, client.client_id, login, tuple(scope.split()))
        text, access = issue_access_token(self._provider, request.realm, client.client_id, grant.scope, grant)
        return token_answer(self._provider, access, Pair(text, None))
