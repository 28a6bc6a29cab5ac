"""Our own client, from the issuer to the end of a grant, against our provider and the certified one alike."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from devstack.login import enter_code, log_in
from grantkeeper.oauth2.authorization import authorization_url
from grantkeeper.oauth2.client_auth import Client, signing_client
from grantkeeper.oauth2.device import (
    WAITING,
    DeviceAuthorization,
    device_request,
    next_interval,
    poll_request,
    read_device_answer,
)
from grantkeeper.oauth2.discovery import Endpoints, check_issuer, endpoints, host, metadata_urls, parse_metadata
from grantkeeper.oauth2.errors import Failure, read_answer, read_redirect_error
from grantkeeper.oauth2.http import HttpDoor
from grantkeeper.oauth2.id_token import read_id_token
from grantkeeper.oauth2.redirect import read_redirect
from grantkeeper.oauth2.revocation import read_revocation, revocation_request
from grantkeeper.oauth2.token_request import (
    TokenRequest,
    client_credentials_request,
    code_request,
    refresh_request,
)
from grantkeeper.oauth2.token_response import TokenResponse, missing_scopes
from schemas.token_config import Options, RequestBlock, TokenConfig
from tests.partners.assertion import signing_key
from tests.partners.fixtures import only_partners
from tests.partners.partner import Partner

VERIFIER = SecretStr("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
LOGIN = "alice@example.test"


@pytest.fixture
async def door(partner: Partner) -> AsyncIterator[HttpDoor]:
    running = HttpDoor(allow_hosts=(host(partner.issuer),))
    await running.start()
    yield running
    await running.stop()


def config_for(partner: Partner) -> TokenConfig:
    block = RequestBlock(
        parameters={"response_type": "code", **partner.traits.offline},
        autofill={"client_id": "ClientID", "redirect_uri": "RedirectURL", "scope": "Scope", "state": "State"},
    )
    return TokenConfig(
        name="Orders",
        template="OpenID Connect",
        client_id=partner.clients.post,
        scope=partner.traits.scope,
        requests={"AuthorizationCode": block},
        options=Options(issuer=partner.issuer, discovery=True),
    )


def client_of(partner: Partner) -> Client:
    return Client(partner.clients.post, SecretStr(partner.clients.secret))


async def discovered(door: HttpDoor, config: TokenConfig) -> Endpoints:
    issuer = config.options.issuer
    assert issuer is not None
    return endpoints(config, parse_metadata(await door.get(metadata_urls(issuer)[0]), issuer))


async def sent(door: HttpDoor, request: TokenRequest) -> TokenResponse | Failure:
    return read_answer(request, await door.post(request), default_expires_in=60, now=datetime.now(UTC))


async def logged_in(door: HttpDoor, partner: Partner, config: TokenConfig, known: Endpoints) -> TokenResponse:
    assert known.authorization is not None
    assert known.token_by_code is not None
    url = authorization_url(
        config,
        endpoint=known.authorization,
        state="state-1",
        redirect_uri=partner.redirect_uri,
        code_verifier=VERIFIER,
        login_hint=LOGIN,
    )
    answer = read_redirect(await asyncio.to_thread(log_in, url, login=LOGIN))
    assert answer.state == "state-1"
    check_issuer(answer.iss, config, required=known.iss_required)
    assert answer.code is not None
    request = code_request(
        config,
        client_of(partner),
        endpoint=known.token_by_code,
        code=answer.code,
        redirect_uri=partner.redirect_uri,
        code_verifier=VERIFIER,
    )
    response = await sent(door, request)
    assert isinstance(response, TokenResponse), response
    return response


async def test_a_login_ends_in_tokens_for_the_account_and_the_scope(door: HttpDoor, partner: Partner) -> None:
    config = config_for(partner)
    response = await logged_in(door, partner, config, await discovered(door, config))
    assert response.expires_in > 0
    assert response.refresh_token is not None
    assert missing_scopes(config.scope, response.scope) == []
    assert response.id_token is not None
    account = read_id_token(response.id_token, client_id=partner.clients.post)
    assert LOGIN in (account.login, account.subject)


async def device_login(door: HttpDoor, partner: Partner, known: Endpoints) -> tuple[DeviceAuthorization, TokenRequest]:
    assert known.device_authorization is not None
    assert known.token_by_code is not None
    client = client_of(partner)
    request = device_request(config_for(partner), client, endpoint=known.device_authorization)
    started = read_device_answer(request, await door.post(request), now=datetime.now(UTC))
    assert isinstance(started, DeviceAuthorization), started
    return started, poll_request(client, endpoint=known.token_by_code, device_code=started.device_code)


async def test_a_code_typed_on_another_device_ends_in_tokens(door: HttpDoor, partner: Partner) -> None:
    started, poll = await device_login(door, partner, await discovered(door, config_for(partner)))
    await asyncio.to_thread(enter_code, started.verification_uri, started.user_code, login=LOGIN)
    response = await sent(door, poll)
    assert isinstance(response, TokenResponse), response
    assert response.id_token is not None
    account = read_id_token(response.id_token, client_id=partner.clients.post)
    assert LOGIN in (account.login, account.subject)
    again = await sent(door, poll)
    assert isinstance(again, Failure)
    assert next_interval(started.interval, again) is None, "a code is good once"


async def test_a_code_that_nobody_has_typed_yet_is_asked_for_again(door: HttpDoor, partner: Partner) -> None:
    started, poll = await device_login(door, partner, await discovered(door, config_for(partner)))
    pending = await sent(door, poll)
    assert isinstance(pending, Failure)
    assert (pending.code in WAITING, next_interval(5, pending)) == (True, 5)
    assert started.user_code in (started.verification_uri_complete or "")


async def test_a_refresh_brings_a_new_access_token(door: HttpDoor, partner: Partner) -> None:
    config = config_for(partner)
    known = await discovered(door, config)
    first = await logged_in(door, partner, config, known)
    assert first.refresh_token is not None
    assert known.token_by_refresh is not None
    request = refresh_request(
        config, client_of(partner), endpoint=known.token_by_refresh, refresh_token=first.refresh_token
    )
    second = await sent(door, request)
    assert isinstance(second, TokenResponse), second
    assert second.access_token != first.access_token
    kept = second.refresh_token in {None, first.refresh_token}
    assert kept is (partner.traits.rotation == "none")


async def test_a_revoked_grant_asks_for_a_new_login(door: HttpDoor, partner: Partner) -> None:
    config = config_for(partner)
    known = await discovered(door, config)
    if known.revocation is None:
        assert partner.traits.revocation == "none"
        return
    response = await logged_in(door, partner, config, known)
    assert response.refresh_token is not None
    assert known.token_by_refresh is not None
    revocation = revocation_request(
        client_of(partner), endpoint=known.revocation, token=response.refresh_token, hint="refresh_token"
    )
    for _ in range(2):  # a token that is gone already counts as revoked
        assert read_revocation(revocation, await door.post(revocation), now=datetime.now(UTC)) is None
    request = refresh_request(
        config, client_of(partner), endpoint=known.token_by_refresh, refresh_token=response.refresh_token
    )
    failure = await sent(door, request)
    assert isinstance(failure, Failure)
    assert (failure.attempt_class, failure.scope, failure.code) == ("reauthorization", "grant", "invalid_grant")


async def test_a_wrong_secret_is_a_fault_of_the_client(door: HttpDoor, partner: Partner) -> None:
    config = config_for(partner)
    known = await discovered(door, config)
    assert known.token_by_refresh is not None
    client = Client(partner.clients.post, SecretStr("wrong-secret"))
    request = refresh_request(config, client, endpoint=known.token_by_refresh, refresh_token=SecretStr("r"))
    failure = await sent(door, request)
    assert isinstance(failure, Failure)
    assert failure.pauses_client
    assert "wrong-secret" not in failure.text


async def test_a_refusal_comes_back_as_an_error_of_the_redirect(door: HttpDoor, partner: Partner) -> None:
    config = config_for(partner)
    known = await discovered(door, config)
    assert known.authorization is not None
    url = authorization_url(
        config, endpoint=known.authorization, state="s", redirect_uri=partner.redirect_uri, code_verifier=VERIFIER
    )
    answer = read_redirect(await asyncio.to_thread(log_in, url, login=LOGIN, deny=True))
    failure = read_redirect_error(answer, host=host(known.authorization))
    assert (failure.code, failure.attempt_class, answer.code) == ("access_denied", "reauthorization", None)


async def test_a_program_gets_a_token_by_a_signed_assertion(door: HttpDoor, partner: Partner) -> None:
    config = config_for(partner).model_copy(update={"auth_flow": "ClientCredentials", "scope": "mail.imap"})
    known = await discovered(door, config)
    assert known.token_by_client_credentials is not None
    key = SecretStr(signing_key().as_pem(private=True).decode())
    client = signing_client(
        partner.clients.signing,
        key,
        audience=known.token_by_client_credentials,
        assertion_id="assertion-" + partner.name,
        now=datetime.now(UTC),
        rsa_algorithm="PS256",
    )
    request = client_credentials_request(config, client, endpoint=known.token_by_client_credentials)
    response = await sent(door, request)
    assert isinstance(response, TokenResponse), response
    assert response.refresh_token is None


@only_partners(lambda traits: traits.rotation == "strict")
async def test_a_refresh_token_used_twice_ends_the_grant_of_a_strict_provider(door: HttpDoor, partner: Partner) -> None:
    config = config_for(partner)
    known = await discovered(door, config)
    first = await logged_in(door, partner, config, known)
    assert first.refresh_token is not None
    assert known.token_by_refresh is not None
    request = refresh_request(
        config, client_of(partner), endpoint=known.token_by_refresh, refresh_token=first.refresh_token
    )
    second = await sent(door, request)
    assert isinstance(second, TokenResponse), second
    assert second.refresh_token is not None
    again = await sent(door, request)
    assert isinstance(again, Failure)
    assert again.attempt_class == "reauthorization"
    lost = refresh_request(
        config, client_of(partner), endpoint=known.token_by_refresh, refresh_token=second.refresh_token
    )
    assert isinstance(await sent(door, lost), Failure)
