"""grant_type=authorization_code: a code is good once, for the client, redirect URI and PKCE verifier it was made for.

A code seen again ends the grant it made (RFC 6749 section 4.1.2): someone else has it.
"""

import base64
import hashlib
import hmac
from typing import Any

from devstack.provider.errors import Reason, Refused
from devstack.provider.form import FormRequest
from devstack.provider.id_token import IdTokens
from devstack.provider.issuing import Twist, issue_access_token, issue_refresh_token, token_answer
from devstack.provider.provider import Provider
from devstack.provider.records import Code, Grant, Pair, digest
from devstack.provider.settings import ClientSettings
from devstack.provider.token_text import new_id


def answer_code(
    provider: Provider, id_tokens: IdTokens, client: ClientSettings, request: FormRequest, twist: Twist
) -> dict[str, Any]:
    code = _valid_code(provider, client, request)
    scope = code.scope if twist.scope is None else tuple(twist.scope.split())
    grant = open_grant(provider, request.realm, client.client_id, code.login, scope)
    code.grant_id = grant.id
    provider.store.put(code)
    body = first_answer(provider, grant, offline=code.offline)
    if "openid" in grant.scope:
        body["id_token"] = id_tokens.make(request.realm, client.client_id, code.login, code.nonce)
    return body


def open_grant(provider: Provider, realm: str, client_id: str, login: str, scope: tuple[str, ...]) -> Grant:
    grant = Grant(new_id(), realm, client_id, login, scope, provider.clock())
    provider.store.put(grant)
    return grant


def first_answer(provider: Provider, grant: Grant, *, offline: bool) -> dict[str, Any]:
    """The first tokens of a grant; a refresh token only where the client asked for one in the realm's way."""
    access_text, access = issue_access_token(provider, grant.realm, grant.client_id, grant.scope, grant)
    refresh_text, refresh = issue_refresh_token(provider, grant) if offline else (None, None)
    grant.latest = Pair(access_text, refresh_text)
    return token_answer(provider, access, grant.latest, refresh)


def _valid_code(provider: Provider, client: ClientSettings, request: FormRequest) -> Code:
    code = provider.store.get(Code, digest(request.require("code")))
    if code is None or code.realm != request.realm:
        raise Refused(Reason.CODE_UNKNOWN)
    if code.client_id != client.client_id:
        raise Refused(Reason.CODE_FOREIGN)
    if code.grant_id is not None:
        _end_what_it_made(provider, code.grant_id)
        raise Refused(Reason.CODE_REDEEMED)
    if code.expires_at <= provider.clock():
        raise Refused(Reason.CODE_EXPIRED)
    if code.redirect_uri != request.require("redirect_uri"):
        raise Refused(Reason.REDIRECT_MISMATCH)
    _check_verifier(code, request.parameters.get("code_verifier"))
    return code


def _end_what_it_made(provider: Provider, grant_id: str) -> None:
    grant = provider.store.get(Grant, grant_id)
    if grant is not None:
        provider.end_grant(grant, "code_replay")


def _check_verifier(code: Code, verifier: str | None) -> None:
    if code.challenge is None:
        if verifier is not None:  # RFC 9700 section 2.1.1: a downgrade, or a mixed-up code
            raise Refused(Reason.VERIFIER_WRONG)
        return
    if verifier is None:
        raise Refused(Reason.VERIFIER_WRONG)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if not hmac.compare_digest(challenge, code.challenge):
        raise Refused(Reason.VERIFIER_WRONG)
