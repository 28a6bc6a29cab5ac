"""Which client a config's requests come from, and what proves it: a secret that is sent, or a key that signs."""

from datetime import datetime

from pydantic import SecretStr

from grantkeeper.oauth2.client_auth import Client, signing_client
from grantkeeper.oauth2.jwt_grant import Statement, signed
from schemas.token_config import TokenConfig


def proven_client(
    config: TokenConfig, secret: SecretStr | None, *, audience: str, assertion_id: str, now: datetime
) -> Client:
    """Return the client for one request to `audience`; raises UnusableKey where `secret` is of the wrong kind.

    In the JWT bearer flow the assertion is the grant itself: beside it the client proves nothing.
    """
    client_id, method = config.client_id or "", config.options.client_authentication
    if config.auth_flow == "JWTBearer":
        statement = Statement(client_id, config.options.mailbox_login, config.scope, audience)
        assertion = signed(statement, secret or SecretStr(""), assertion_id=assertion_id, now=now)
        return Client(client_id, authentication="none", assertion=assertion)
    if method == "private_key_jwt":
        key = secret or SecretStr("")
        by = config.options.rsa_algorithm
        return signing_client(client_id, key, audience=audience, assertion_id=assertion_id, now=now, rsa_algorithm=by)
    return Client(client_id, None if method == "none" else secret, method)
