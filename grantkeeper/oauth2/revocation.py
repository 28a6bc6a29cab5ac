"""Telling the provider that a grant is over (RFC 7009). Best effort: the local end of a grant never waits for it."""

from datetime import datetime
from http import HTTPStatus
from typing import Literal

from pydantic import SecretStr

from grantkeeper.oauth2.answer import HttpAnswer, NotJson, json_object
from grantkeeper.oauth2.client_auth import Client, form_fields, headers
from grantkeeper.oauth2.errors import Failure, read_answer
from grantkeeper.oauth2.token_request import TokenRequest

TokenTypeHint = Literal["refresh_token", "access_token"]


def revocation_request(client: Client, *, endpoint: str, token: SecretStr, hint: TokenTypeHint) -> TokenRequest:
    """Ask to revoke one token; a refresh token takes its access tokens along."""
    form = {"token": token.get_secret_value(), "token_type_hint": hint, **form_fields(client)}
    return TokenRequest(endpoint, {name: SecretStr(value) for name, value in sorted(form.items())}, headers(client))


def read_revocation(request: TokenRequest, answer: HttpAnswer, *, now: datetime) -> Failure | None:
    """Return None when the token is dead: 200 also for one that the server never knew (RFC 7009 section 2.2)."""
    if answer.succeeded or _unknown_there(answer):
        return None
    outcome = read_answer(request, answer, default_expires_in=1, now=now)
    return outcome if isinstance(outcome, Failure) else None


def _unknown_there(answer: HttpAnswer) -> bool:
    # Google answers 400 invalid_token for a token that is gone already.
    try:
        return answer.status == HTTPStatus.BAD_REQUEST and json_object(answer).get("error") == "invalid_token"
    except NotJson:
        return False
