"""A login from start to grant: by the browser, pasted, twice, forged, late, refused."""

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from devstack.login import log_in
from devstack.provider.faults import Fault
from grantkeeper_client import Asker, ReplyError, seal_to_installation
from tests.integration.refresher.service import CLIENT_ID, Service, ask
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread

START = "grantkeeper.authorization.start.v1"
COMPLETE = "grantkeeper.authorization.complete.v1"
NONCE = "the browser's nonce"


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Browser:
    """An admin's browser and the console in front of it."""

    def __init__(self, service: Service, admin: Asker, config: str) -> None:
        self.service = service
        self.admin = admin
        self.config = config

    async def start(self, *, bound: bool = True) -> Mapping[str, Any]:
        nonce = {"nonce_hash": hashed(NONCE)} if bound else {}
        return await ask(self.admin, START, {"config": self.config, **nonce})

    def come_back(self, url: str, *, login: str = "amy@example.org", **more: Any) -> dict[str, str]:
        """Log in; returns the parameters of the redirect."""
        address = log_in(url, login=login, **more)
        return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}

    def seal_code(self, code: str, state: str) -> str:
        jwk = self.service.house.vault.installation_public_jwk()
        return seal_to_installation(jwk, code, use="authorization_code", bound={"state_hash": hashed(state)})

    async def complete(self, given: Mapping[str, str], **changed: Any) -> Mapping[str, Any]:
        data: dict[str, Any] = {"config": self.config, "state": given["state"], "nonce": NONCE}
        data |= {name: given[name] for name in ("iss", "error", "error_description") if name in given}
        if "code" in given:
            data["code"] = self.seal_code(given["code"], given["state"])
        return await ask(self.admin, COMPLETE, {k: v for k, v in (data | changed).items() if v is not None})


@pytest.fixture
async def browser(refresher: Service, admin: Asker) -> Browser:
    return Browser(refresher, admin, await refresher.configured(refresher.config()))


async def test_a_login_yields_a_grant_and_says_who_logged_in(browser: Browser) -> None:
    started = await browser.start()
    assert (await browser.service.record(browser.config)).state == "authorizing"
    done = await browser.complete(browser.come_back(started["url"]))
    assert done["refresh_token_received"]
    assert done["account"] == "amy@example.org"
    assert done["status"]["state"] == "active"
    happened = [event.happened for event in await browser.service.token_events(browser.config)]
    assert happened == ["config_changed", "authorization_started", "authorized"]


async def test_a_return_that_comes_twice_gets_the_same_answer_and_sends_the_code_once(
    browser: Browser, provider: "ProviderThread"
) -> None:
    given = browser.come_back((await browser.start())["url"])
    first = await browser.complete(given)
    second = await browser.complete(given)
    assert first["status"]["generation"] == second["status"]["generation"] == 1
    assert len(provider.control.journal()) == 1


async def test_a_pasted_address_completes_a_login(browser: Browser) -> None:
    started = await browser.start(bound=False)
    address = log_in(started["url"], login="amy@example.org")
    jwk = browser.service.house.vault.installation_public_jwk()
    sealed = seal_to_installation(jwk, address, use="redirect_url", bound={"config_id": browser.config})
    done = await ask(browser.admin, COMPLETE, {"config": browser.config, "redirect_url": sealed})
    assert done["status"]["state"] == "active"


async def test_a_forged_state_has_no_effect(browser: Browser, provider: "ProviderThread") -> None:
    given = browser.come_back((await browser.start())["url"])
    before = await browser.service.record(browser.config)
    with pytest.raises(ReplyError, match="state_unknown"):
        await browser.complete({**given, "state": "A" * 43})
    assert await browser.service.record(browser.config) == before
    assert provider.control.journal() == []


async def test_another_browser_is_told_to_paste(browser: Browser, provider: "ProviderThread") -> None:
    given = browser.come_back((await browser.start())["url"])
    with pytest.raises(ReplyError, match="another browser"):
        await browser.complete(given, nonce="somebody else's nonce")
    assert provider.control.journal() == []
    assert (await browser.complete(given))["status"]["state"] == "active"


async def test_another_config_cannot_take_the_login(browser: Browser, provider: "ProviderThread") -> None:
    given = browser.come_back((await browser.start())["url"])
    other = await browser.service.configured(browser.service.config("Other"))
    with pytest.raises(ReplyError, match="another token config"):
        await browser.complete(given, config=other)
    assert provider.control.journal() == []


async def test_a_wrong_issuer_is_refused(refresher: Service, admin: Asker, provider: "ProviderThread") -> None:
    options = {"issuer": provider.issuer("strict")}
    config_id = await refresher.configured(refresher.config(options=options))
    browser = Browser(refresher, admin, config_id)
    given = browser.come_back((await browser.start())["url"])
    with pytest.raises(ReplyError, match="another authorization server"):
        await browser.complete(given, iss="https://evil.example.org")
    assert provider.control.journal() == []


async def test_an_expired_login_is_refused(browser: Browser, provider: "ProviderThread") -> None:
    given = browser.come_back((await browser.start())["url"])
    await browser.service.database.authorizations.update_one(
        {"_id": hashed(given["state"])}, [{"$set": {"expires_at": {"$subtract": ["$expires_at", 601_000]}}}]
    )
    with pytest.raises(ReplyError, match="ten minutes"):
        await browser.complete(given)
    assert provider.control.journal() == []


async def test_what_the_provider_said_instead_of_a_code_is_shown(browser: Browser) -> None:
    given = browser.come_back((await browser.start())["url"], deny=True)
    with pytest.raises(ReplyError, match="access_denied"):
        await browser.complete(given)
    record = await browser.service.record(browser.config)
    assert record.state == "not_authorized"
    assert record.last_error is not None
    assert record.last_error.code == "access_denied"
    with pytest.raises(ReplyError, match="access_denied"):
        await browser.complete(given)


async def test_a_code_whose_answer_was_lost_is_never_sent_again(browser: Browser, provider: "ProviderThread") -> None:
    given = browser.come_back((await browser.start())["url"])
    provider.control.fail(Fault.model_validate({"delivery": "lost", "next": 1}))
    with pytest.raises(ReplyError, match="authorization_failed"):
        await browser.complete(given)
    with pytest.raises(ReplyError, match="authorization_failed"):
        await browser.complete(given)
    assert len(provider.control.journal()) == 1


async def test_a_config_that_changed_its_client_during_the_login_makes_it_start_again(
    browser: Browser, provider: "ProviderThread"
) -> None:
    given = browser.come_back((await browser.start())["url"])
    changed = browser.service.config(client_id="another-client")
    await browser.service.configured(changed, config_id=browser.config, sequence=2)
    with pytest.raises(ReplyError, match="names another client"):
        await browser.complete(given)
    assert provider.control.journal() == []


async def test_a_missing_refresh_token_is_told_with_its_cure(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    browser = Browser(refresher, admin, await refresher.configured(refresher.config(scope="openid email mail.imap")))
    done = await browser.complete(browser.come_back((await browser.start())["url"]))
    assert not done["refresh_token_received"]
    assert "offline" in done["notes"][0]


async def test_a_new_login_without_refresh_token_keeps_the_stored_one(
    browser: Browser, provider: "ProviderThread"
) -> None:
    await browser.complete(browser.come_back((await browser.start())["url"]))
    stored = (await browser.service.record(browser.config)).grant.refresh_token
    provider.control.fail(Fault.model_validate({"drop": ["refresh_token"], "next": 1}))
    done = await browser.complete(browser.come_back((await browser.start())["url"]))
    assert not done["refresh_token_received"]
    grant = (await browser.service.record(browser.config)).grant
    assert (grant.generation, grant.refresh_token) == (2, stored)


async def test_the_refresh_token_of_another_account_is_not_kept(browser: Browser, provider: "ProviderThread") -> None:
    await browser.complete(browser.come_back((await browser.start())["url"]))
    provider.control.fail(Fault.model_validate({"drop": ["refresh_token"], "next": 1}))
    await browser.complete(browser.come_back((await browser.start())["url"], login="bob@example.org"))
    grant = (await browser.service.record(browser.config)).grant
    assert (grant.account, grant.refresh_token) == ("bob@example.org", None)


async def test_a_wrong_account_is_flagged_and_reported(refresher: Service, admin: Asker) -> None:
    options = {"mailbox_login": "support@example.org"}
    browser = Browser(refresher, admin, await refresher.configured(refresher.config(options=options)))
    done = await browser.complete(browser.come_back((await browser.start())["url"]))
    assert done["status"]["wrong_account"]
    assert await refresher.reported("wrong_account")


async def test_endpoints_come_by_discovery(refresher: Service, admin: Asker, provider: "ProviderThread") -> None:
    config = refresher.config(requests={}, options={"issuer": provider.issuer("strict"), "discovery": True})
    browser = Browser(refresher, admin, await refresher.configured(config))
    done = await browser.complete(browser.come_back((await browser.start())["url"]))
    assert done["status"]["state"] == "active"
    answer = await ask(admin, "grantkeeper.token.refresh.v1", {"config": browser.config, "generation": 1})
    assert answer["status"]["generation"] == 2


async def test_a_start_that_has_to_look_for_addresses_keeps_nobody_from_their_access_token(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config = refresher.config(requests={}, options={"issuer": provider.issuer("strict"), "discovery": True})
    browser = Browser(refresher, admin, await refresher.configured(config))
    living = await refresher.configured(refresher.config("Living"))
    await refresher.plant(living, provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)[0])
    provider.control.fail(Fault.model_validate({"endpoint": "discovery", "delay_before": 4, "next": 1}))
    starting = asyncio.create_task(browser.start())

    async def wished() -> bool:
        return [wish.kind for wish in (await refresher.record(browser.config)).wishes] == ["start"]

    await wait_until(wished)
    assert (await ask(admin, "grantkeeper.token.get.v1", {"config": living}))["generation"] == 1
    assert not starting.done()
    given = browser.come_back((await starting)["url"])
    assert (await refresher.record(browser.config)).state == "authorizing"
    with pytest.raises(ReplyError, match="another browser"):
        await browser.complete(given, nonce="somebody else's nonce")
    assert (await browser.complete(given))["status"]["state"] == "active"
    assert (await refresher.record(browser.config)).wishes == ()


async def test_an_issuer_that_answers_nothing_of_use_ends_a_start(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config = refresher.config(requests={}, options={"issuer": provider.issuer("strict"), "discovery": True})
    browser = Browser(refresher, admin, await refresher.configured(config))
    provider.control.fail(Fault.model_validate({"endpoint": "discovery", "status": 404}))
    with pytest.raises(ReplyError) as caught:
        await browser.start()
    assert caught.value.code == "authorization_failed"
    assert (await refresher.record(browser.config)).wishes == ()


@pytest.mark.parametrize("role", ["mail", "viewer"])
async def test_only_admins_log_in(refresher: Service, role: str) -> None:
    config_id = await refresher.configured(refresher.config())
    async with refresher.house.asker(role) as asker:
        with pytest.raises(ReplyError, match="not_permitted"):
            await ask(asker, START, {"config": config_id}, deadline=timedelta(seconds=20))


async def mistyped_beside(browser: Browser, refresher: Service, admin: Asker) -> Browser:
    """A second config of the client, with another secret than the one that has just worked for the first."""
    await browser.complete(browser.come_back((await browser.start())["url"]))
    wrong = refresher.config("Mistyped", plain_secret="mistyped")
    return Browser(refresher, admin, await refresher.configured(wrong))


async def test_a_mistyped_secret_costs_no_login_anywhere_as_long_as_another_one_works(
    browser: Browser, refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    other = await mistyped_beside(browser, refresher, admin)
    for each in (browser, other):
        assert (await each.complete(each.come_back((await each.start())["url"])))["status"]["state"] == "active"
    assert [one.status for one in provider.control.journal()] == [200, 200, 401, 200]
    assert await wait_until(lambda: refresher.reported("client_secret_refused"))


async def test_a_code_that_does_not_outlive_a_refused_secret_blames_that_secret_and_pauses_nobody(
    browser: Browser, refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    other = await mistyped_beside(browser, refresher, admin)
    given = other.come_back((await other.start())["url"])
    provider.control.fail(Fault.model_validate({"named": "oauth:invalid_client", "next": 1}))
    provider.control.fail(Fault.model_validate({"named": "oauth:invalid_grant", "next": 1}))
    with pytest.raises(ReplyError, match="invalid_client"):
        await other.complete(given)
    assert (await browser.complete(browser.come_back((await browser.start())["url"])))["status"]["state"] == "active"
    assert await refresher.client_events() == []
