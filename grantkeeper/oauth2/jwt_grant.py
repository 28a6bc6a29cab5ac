"""An access token for a signed statement (RFC 7523 section 2.1): how a service account acts for a mailbox.

Google, "Using OAuth 2.0 for Server to Server Applications": issuer is the service account, subject the mailbox that an
administrator has delegated to it, and the scope stands in the statement itself.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc import jwt
from pydantic import SecretStr

from grantkeeper.oauth2.client_auth import Key, UnusableKey, algorithm, private_key

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME: Final = timedelta(minutes=5)
"""Long enough for a slow call and a skewed clock; Google takes up to an hour."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Who asks for what, for whom, at whose token endpoint."""

    issuer: str
    subject: str | None
    scope: str | None
    audience: str


@dataclass(frozen=True, slots=True)
class _KeyFile:
    key: Key = field(repr=False)
    key_id: str | None


def signed(statement: Statement, secret: SecretStr, *, assertion_id: str, now: datetime) -> SecretStr:
    """Sign it with the client secret: the key file of a service account (JSON), or a private key in PEM form.

    `assertion_id` must never repeat. RSA keys sign by RS256, which every server takes (section 5). Raises UnusableKey.
    """
    file = _key_file(secret.get_secret_value(), statement.issuer)
    issued = int(now.timestamp())
    claims = {
        "iss": statement.issuer,
        "sub": statement.subject,
        "aud": statement.audience,
        "scope": statement.scope,
        "jti": assertion_id,
        "iat": issued,
        "exp": issued + int(LIFETIME.total_seconds()),
    }
    by = algorithm(file.key)
    header = {"alg": by, "typ": "JWT", **({"kid": file.key_id} if file.key_id else {})}
    given = {name: value for name, value in claims.items() if value is not None}
    return SecretStr(jwt.encode(header, given, file.key, algorithms=[by]))


def _key_file(text: str, issuer: str) -> _KeyFile:
    if not text.lstrip().startswith("{"):
        return _KeyFile(private_key(text), None)
    content = _json(text)
    key, key_id, account = content.get("private_key"), content.get("private_key_id"), content.get("client_email")
    if not isinstance(key, str):
        raise UnusableKey("the key file has no `private_key`: paste the whole file as the provider gave it")
    if isinstance(account, str) and account != issuer:
        raise UnusableKey(f"the key file belongs to {account}: enter that as the client id, or paste the right file")
    return _KeyFile(private_key(key), key_id if isinstance(key_id, str) else None)


def _json(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise UnusableKey("the key file is no JSON: paste the whole file as the provider gave it")
    return content
