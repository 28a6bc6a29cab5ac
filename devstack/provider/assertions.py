"""Signed JWTs from clients: `private_key_jwt` (RFC 7523 section 2.2) and the JWT bearer grant (section 2.1).

The second is how a Google service account gets a mailbox's access token. A `jti` is good once.
"""

import json
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, import_key

from devstack.provider.errors import Reason, Refused
from devstack.provider.form import FormRequest
from devstack.provider.provider import Provider
from devstack.provider.settings import ClientSettings

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ALGORITHMS = ["PS256", "RS256", "ES256"]
# Google and Microsoft take at most an hour; a clock may be this many seconds ahead.
LONGEST_LIFE = 3600
SKEW = 60


class Assertions:
    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._seen: dict[str, float] = {}  # client and jti -> when it may be forgotten

    def authenticate(self, request: FormRequest) -> ClientSettings:
        """The client that signed the request's `client_assertion`."""
        claims, client = self._verify(request, "client_assertion", Reason.ASSERTION_WRONG)
        if claims.get("sub") != client.client_id or not self._is_new(client.client_id, claims):
            raise Refused(Reason.ASSERTION_WRONG)
        return client

    def grant(self, request: FormRequest) -> tuple[ClientSettings, str, str]:
        """Client, mailbox and scope of a JWT bearer grant."""
        claims, client = self._verify(request, "assertion", Reason.ASSERTION_INVALID)
        subject, scope = claims.get("sub"), claims.get("scope", request.parameters.get("scope", ""))
        if not isinstance(subject, str) or not isinstance(scope, str):
            raise Refused(Reason.ASSERTION_INVALID)
        return client, subject, scope

    def _verify(self, request: FormRequest, name: str, reason: Reason) -> tuple[dict[str, Any], ClientSettings]:
        text = request.require(name)
        try:
            issuer = _unverified_issuer(text)
            if request.parameters.get("client_id", issuer) != issuer:
                raise Refused(Reason.MALFORMED)  # two clients in one request
            client = self._provider.client(issuer)
            keys = KeySet([import_key(key) for key in (client.jwks or {}).get("keys", [])])
            claims = jwt.decode(text, keys, algorithms=ALGORITHMS).claims
        except (JoseError, ValueError) as error:
            raise Refused(reason) from error
        self._check_times_and_audience(claims, request.realm, reason)
        return claims, client

    def _check_times_and_audience(self, claims: dict[str, Any], realm: str, reason: Reason) -> None:
        issuer, now = self._provider.issuer(realm), self._provider.clock()
        audience, expires, issued = claims.get("aud"), claims.get("exp"), claims.get("iat", claims.get("nbf"))
        if audience not in (issuer, f"{issuer}/token", [issuer], [f"{issuer}/token"]):
            raise Refused(reason)
        if not isinstance(expires, int) or not isinstance(issued, int):
            raise Refused(reason)
        if not (issued - SKEW <= now < expires <= issued + LONGEST_LIFE):
            raise Refused(reason)

    def _is_new(self, client_id: str, claims: dict[str, Any]) -> bool:
        now, key = self._provider.clock(), f"{client_id}\n{claims.get('jti')}"
        self._seen = {seen: until for seen, until in self._seen.items() if until > now}
        if "jti" not in claims or key in self._seen:
            return False
        self._seen[key] = claims["exp"]
        return True


def _unverified_issuer(text: str) -> str:
    """Who claims to have signed: needed to find the key that tells whether that is so."""
    claims = json.loads(jws.extract_compact(text.encode()).payload)
    return str(claims.get("iss")) if isinstance(claims, dict) else ""
