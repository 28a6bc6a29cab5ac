"""grant_type=refresh_token: find the grant, ask `rotation.judge`, answer accordingly."""

from typing import Any

from devstack.provider.errors import Reason, Refused
from devstack.provider.form import FormRequest
from devstack.provider.issuing import (
    Twist,
    issue_access_token,
    issue_refresh_token,
    mark_used,
    prolong,
    token_answer,
)
from devstack.provider.provider import Provider
from devstack.provider.records import AccessToken, Grant, Pair, RefreshToken, digest
from devstack.provider.rotation import Verdict, judge
from devstack.provider.settings import ClientSettings, Rotation


def answer_refresh(provider: Provider, client: ClientSettings, request: FormRequest, twist: Twist) -> dict[str, Any]:
    refresh_token, grant = _find(provider, client, request)
    scope = _scope(grant, request.parameters.get("scope") if twist.scope is None else twist.scope)
    match judge(refresh_token, provider.realms[request.realm], provider.clock()):
        case Verdict.END_FAMILY:
            provider.end_grant(grant, "reuse")
            raise Refused(Reason.REFRESH_REUSED)
        case Verdict.ANSWER_AGAIN if refresh_token.answered is not None:
            return _answer_again(provider, grant, scope, refresh_token.answered)
        case Verdict.ROTATE if twist.no_rotation:
            return _keep(provider, grant, scope, refresh_token, twist)
        case Verdict.KEEP:
            return _keep(provider, grant, scope, refresh_token, twist)
        case _:  # rotate; also where the answer to repeat was lost in a restart
            return _rotate(provider, grant, scope, refresh_token, twist)


def _find(provider: Provider, client: ClientSettings, request: FormRequest) -> tuple[RefreshToken, Grant]:
    refresh_token = provider.store.get(RefreshToken, digest(request.require("refresh_token")))
    grant = None if refresh_token is None else provider.store.get(Grant, refresh_token.grant_id)
    if refresh_token is None or grant is None or grant.realm != request.realm or grant.client_id != client.client_id:
        raise Refused(Reason.REFRESH_UNKNOWN)
    if grant.revoked_at is not None:
        raise Refused(Reason.GRANT_REVOKED)
    if refresh_token.expires_at is not None and refresh_token.expires_at <= provider.clock():
        raise Refused(Reason.REFRESH_EXPIRED)
    return refresh_token, grant


def _scope(grant: Grant, asked: str | None) -> tuple[str, ...]:
    """RFC 6749 section 6: left out means as granted; never more than granted."""
    if asked is None:
        return grant.scope
    scope = tuple(asked.split())
    if not set(scope) <= set(grant.scope):
        raise Refused(Reason.SCOPE_WIDER)
    return scope


def _keep(provider: Provider, grant: Grant, scope: tuple[str, ...], kept: RefreshToken, twist: Twist) -> dict[str, Any]:
    access_text, access = _access_token(provider, grant, scope, twist)
    prolong(provider, grant, kept)
    grant.latest = Pair(access_text, None)
    return token_answer(provider, access, grant.latest, kept)


def _rotate(
    provider: Provider, grant: Grant, scope: tuple[str, ...], used: RefreshToken, twist: Twist
) -> dict[str, Any]:
    access_text, access = _access_token(provider, grant, scope, twist)
    refresh_text, refresh_token = issue_refresh_token(provider, grant, used)
    grant.latest = Pair(access_text, refresh_text)
    if provider.realms[grant.realm].rotation is not Rotation.KEEP_OLD:
        mark_used(provider, grant, used, grant.latest)
    return token_answer(provider, access, grant.latest, refresh_token)


def _answer_again(provider: Provider, grant: Grant, scope: tuple[str, ...], answered: Pair) -> dict[str, Any]:
    access = provider.store.get(AccessToken, digest(answered.access_token))
    if access is None:  # it has ended and been forgotten meanwhile
        access_text, access = issue_access_token(provider, grant.realm, grant.client_id, scope, grant)
        answered = Pair(access_text, answered.refresh_token)
    return token_answer(provider, access, answered)


def _access_token(provider: Provider, grant: Grant, scope: tuple[str, ...], twist: Twist) -> tuple[str, AccessToken]:
    if twist.same_access_token and grant.latest is not None:
        latest = provider.store.get(AccessToken, digest(grant.latest.access_token))
        if latest is not None and latest.expires_at > provider.clock():
            return grant.latest.access_token, latest
    return issue_access_token(provider, grant.realm, grant.client_id, scope, grant)
