"""A service account that acts for a mailbox (RFC 7523): nobody logs in, a signature asks for each access token."""

import json
from typing import TYPE_CHECKING, Final

import pytest
from joserfc.jwk import RSAKey

from devstack.provider.settings import ClientSettings
from grantkeeper_client import Asker, ReplyError
from schemas.token_config import TokenConfig
from tests.integration.refresher.service import Service, ask

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread

GET = "grantkeeper.token.get.v1"
START = "grantkeeper.authorization.start.v1"
REFRESH = "grantkeeper.token.refresh.v1"
ACCOUNT: Final = "robot@project.example.test"
KEY: Final = RSAKey.generate_key(2048, {"kid": "key-1"}, private=True)


def registered(provider: "ProviderThread", key: RSAKey = KEY) -> None:
    keys = {"keys": [dict(key.as_dict(private=False))]}
    provider.control.register(ClientSettings(client_id=ACCOUNT, jwks=keys, grant_types=frozenset()))


def account(service: Service) -> TokenConfig:
    key_file = {"client_email": ACCOUNT, "private_key_id": "key-1", "private_key": KEY.as_pem(private=True).decode()}
    return service.config(
        auth_flow="JWTBearer",
        client_id=ACCOUNT,
        scope="mail.imap",
        requests={"TokenByJWTBearer": {"url": f"{service.base_url}/strict/token"}},
        options={"mailbox_login": "alice@example.test"},
        plain_secret=json.dumps(key_file),
    )


async def test_an_access_token_is_had_without_any_login(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    registered(provider)
    config_id = await refresher.configured(account(refresher))
    await refresher.becomes(config_id, "active")
    status = await refresher.status(admin, config_id)
    assert (status["has_refresh_token"], status["scope"]) == (False, "mail.imap")
    assert (await ask(admin, GET, {"config": config_id}))["user"] == "alice@example.test"
    assert [grant["login"] for grant in provider.control.grants("strict")] == ["alice@example.test"]
    with pytest.raises(ReplyError, match="need no login"):
        await ask(admin, START, {"config": config_id})
    await ask(admin, REFRESH, {"config": config_id, "generation": status["generation"]})
    asked = provider.control.journal()
    assert [one.outcome for one in asked] == ["ok", "ok"]


async def test_a_key_that_the_provider_does_not_know_is_no_reason_to_log_in(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    registered(provider, RSAKey.generate_key(2048, {"kid": "key-1"}, private=True))
    config_id = await refresher.configured(account(refresher))
    with pytest.raises(ReplyError) as caught:
        await ask(admin, GET, {"config": config_id})
    assert caught.value.code in {"client_fault", "refresh_failed", "retry_later"}
    status = await refresher.status(admin, config_id)
    assert status["state"] != "reauthorization_required"
    assert status["last_error"]["cure_id"] == "check-own-credentials"
