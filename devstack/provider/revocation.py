"""The revocation endpoint (RFC 7009), and Google's, which asks no client and ends everything the user gave."""

from devstack.provider.answer import Answer, json_answer
from devstack.provider.assertions import Assertions
from devstack.provider.client_auth import authenticate
from devstack.provider.errors import Reason, Refused
from devstack.provider.form import FormRequest
from devstack.provider.issuing import Twist
from devstack.provider.provider import Provider
from devstack.provider.records import AccessToken, Grant, RefreshToken, digest
from devstack.provider.settings import Revocation


class RevocationEndpoint:
    def __init__(self, provider: Provider, assertions: Assertions) -> None:
        self._provider = provider
        self._assertions = assertions

    def __call__(self, request: FormRequest, _: Twist) -> Answer:
        match self._provider.realms[request.realm].revocation:
            case Revocation.NONE:
                return Answer(404, b"this provider has no revocation endpoint", "text/plain")
            case Revocation.GOOGLE:
                self._revoke_as_google(request)
            case Revocation.RFC7009:
                self._revoke(request)
        return json_answer({})

    def _revoke(self, request: FormRequest) -> None:
        client = authenticate(self._provider, self._assertions, request)
        token_id, grant = self._find(request)
        if grant is None or grant.client_id != client.client_id:
            return  # section 2.2: an unknown token is as good as revoked
        access = self._provider.store.get(AccessToken, token_id)
        if access is None:  # a refresh token: the grant goes, its access tokens with it
            self._provider.end_grant(grant, "client")
        else:
            access.expires_at = min(access.expires_at, self._provider.clock())
            self._provider.store.put(access)

    def _revoke_as_google(self, request: FormRequest) -> None:
        _, grant = self._find(request)
        if grant is None or grant.revoked_at is not None:
            raise Refused(Reason.TOKEN_GONE)
        for other in self._provider.store.all(Grant):
            if (other.realm, other.client_id, other.login) == (grant.realm, grant.client_id, grant.login):
                self._provider.end_grant(other, "client")

    def _find(self, request: FormRequest) -> tuple[str, Grant | None]:
        token_id, store = digest(request.require("token")), self._provider.store
        token = store.get(RefreshToken, token_id) or store.get(AccessToken, token_id)
        grant = None if token is None or token.grant_id is None else store.get(Grant, token.grant_id)
        return token_id, grant if grant is not None and grant.realm == request.realm else None
