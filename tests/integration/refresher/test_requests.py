"""What admins and mail modules ask besides access tokens."""

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from grantkeeper_client import Asker, Grantkeeper, ReplyError, open_for_principal, parse_credential
from tests.integration.refresher.service import CLIENT_ID, Service, ask
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread

REFRESH = "grantkeeper.token.refresh.v1"
REVOKE = "grantkeeper.token.revoke.v1"
REPORT = "grantkeeper.token.report_rejected.v1"
LIST = "grantkeeper.token.list.v1"
STATUS = "grantkeeper.token.status.v1"
OLD = timedelta(minutes=10)


async def grant(service: Service, provider: "ProviderThread", name: str = "Support", realm: str = "strict") -> str:
    config_id = await service.configured(service.config(name, realm, **revocation(service, realm)))
    await service.plant(config_id, provider.control.mint(realm, [name], client_id=CLIENT_ID)[0], age=OLD)
    return config_id


def revocation(service: Service, realm: str) -> dict[str, object]:
    return {} if realm == "microsoft" else {"options": {"revocation_endpoint": f"{service.base_url}/{realm}/revoke"}}


async def test_an_admin_refreshes_now(refresher: Service, admin: Asker, provider: "ProviderThread") -> None:
    config_id = await grant(refresher, provider)
    answer = await ask(admin, REFRESH, {"config": config_id, "generation": 1})
    assert (answer["status"]["generation"], answer["status"]["state"]) == (2, "active")
    with pytest.raises(ReplyError, match="generation_conflict"):
        await ask(admin, REFRESH, {"config": config_id, "generation": 1})
    assert len(provider.control.journal()) == 1


async def test_a_rejected_access_token_is_replaced_once(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config_id = await grant(refresher, provider)
    async with Grantkeeper(admin._credential) as client:
        first = await client.get_access_token(config_id)
        second = await client.report_rejected(config_id, first.generation)
        assert (second.generation, second.value != first.value) == (2, True)
        again = await client.report_rejected(config_id, first.generation)
        assert again.generation == 2
        with pytest.raises(ReplyError, match="retry_later"):
            await client.report_rejected(config_id, second.generation)
    assert len(provider.control.journal()) == 1


async def test_revoking_ends_the_grant_here_and_at_the_provider(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config_id = await grant(refresher, provider)
    with pytest.raises(ReplyError, match="generation_conflict"):
        await ask(admin, REVOKE, {"config": config_id, "generation": 7})
    answer = await ask(admin, REVOKE, {"config": config_id, "generation": 1})
    assert (answer["at_provider"], answer["status"]["state"]) == ("revoked", "revoked")
    record = await refresher.record(config_id)
    assert (record.grant.access_token, record.grant.refresh_token) == (None, None)
    assert len(provider.control.journal(endpoint="revoke")) == 1
    with pytest.raises(ReplyError, match="revoked"):
        await ask(admin, "grantkeeper.token.get.v1", {"config": config_id})


async def test_revoking_is_honest_where_the_provider_has_no_endpoint(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config_id = await grant(refresher, provider, realm="microsoft")
    answer = await ask(admin, REVOKE, {"config": config_id, "generation": 1})
    assert answer["at_provider"] == "no_endpoint"
    assert answer["note"]


async def test_a_grant_is_not_shown_to_the_issuer_that_the_config_names_since(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    config_id = await grant(refresher, provider)
    given_elsewhere = {"grant.token_host": "idp.example.org", "grant.origin.host": "idp.example.org"}
    await refresher.store.collection.update_one({"_id": config_id}, {"$set": given_elsewhere})
    options = {"issuer": f"{refresher.base_url}/strict", "discovery": True}
    await refresher.configured(refresher.config(requests={}, options=options), config_id=config_id, sequence=2)
    answer = await ask(admin, REVOKE, {"config": config_id, "generation": 1})
    assert (answer["at_provider"], answer["status"]["state"]) == ("failed", "revoked")
    assert "idp.example.org" in answer["note"]
    assert provider.control.journal(endpoint="revoke") == []


async def test_the_overview_filters_sorts_counts_and_pages(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    for name in ("Delta", "alpha", "Bravo", "Charlie"):
        await refresher.configured(refresher.config(name))
    await grant(refresher, provider, "Echo")
    await refresher.configured(refresher.config("Gone"), deleted=True)

    async def names(**query: object) -> list[str]:
        return [row["name"] for row in (await ask(admin, LIST, query))["rows"]]

    assert sorted(await names()) == ["Bravo", "Charlie", "Delta", "Echo", "alpha"]
    assert await names(states=["active"]) == ["Echo"]
    assert await names(search="BRA") == ["Bravo"]
    assert await names(deleted=True) == ["Gone"]
    assert await names(offset=1, limit=2, sort="name", descending=True) == ["Delta", "Charlie"]
    page = await ask(admin, LIST, {"states": ["active"]})
    assert (page["total"], page["states"]) == (1, {"active": 1, "not_authorized": 4})


async def test_the_overview_treats_a_search_as_text(refresher: Service, admin: Asker) -> None:
    await refresher.configured(refresher.config("100 % (.*)"))
    assert (await ask(admin, LIST, {"search": "(.*)"}))["total"] == 1
    assert (await ask(admin, LIST, {"search": "1.0"}))["total"] == 0


async def test_a_viewer_sees_states_and_gets_no_access_token(refresher: Service, provider: "ProviderThread") -> None:
    config_id = await grant(refresher, provider)
    async with refresher.house.asker("viewer") as viewer:
        assert (await refresher.status(viewer, config_id))["state"] == "active"
        with pytest.raises(ReplyError, match="not_permitted"):
            await ask(viewer, "grantkeeper.token.get.v1", {"config": config_id})


async def test_nothing_that_is_told_holds_a_token(refresher: Service, admin: Asker, provider: "ProviderThread") -> None:
    config_id = await refresher.configured(refresher.config())
    minted = provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)[0]
    await refresher.plant(config_id, minted, age=OLD)
    answer = await ask(admin, "grantkeeper.token.get.v1", {"config": config_id})
    status = await refresher.status(admin, config_id)
    document = await refresher.store.collection.find_one({"_id": config_id})
    told = repr(answer) + repr(status) + repr(document) + repr(await refresher.record(config_id))
    for secret in (minted["access_token"], minted["refresh_token"], "demo-secret-for-this-machine-only"):
        assert secret not in told


async def test_a_credential_is_issued_to_an_admin_and_works(refresher: Service, admin: Asker) -> None:
    answer = await admin.ask("token.requests", "grantkeeper.credential.issue.v1", {"principal": "mail"}, key=b"k")
    bound = {"principal": "mail", "version": "1"}
    text = open_for_principal(admin._credential.sealing_key, answer["credential"], bound=bound)
    credential = parse_credential(text)
    async with Grantkeeper(credential) as client:
        with pytest.raises(ReplyError, match="not_found"):
            await client.get_access_token("Nobody")
    with pytest.raises(ReplyError, match="not_found"):
        await ask(admin, "grantkeeper.credential.issue.v1", {"principal": "nobody"})


async def test_who_used_an_access_token_is_noted_in_bulk(service: Service, provider: "ProviderThread") -> None:
    config_id = await service.insert(service.config())
    await service.plant(config_id, provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)[0], age=OLD)
    async with service.running(), service.house.asker("mail") as mail:
        await ask(mail, "grantkeeper.token.get.v1", {"config": config_id})
    assert list((await service.record(config_id)).used_by) == ["mail"]


async def test_the_overview_tells_what_one_principal_used_last(refresher: Service, admin: Asker) -> None:
    ids = [await refresher.configured(refresher.config(name)) for name in ("A", "B", "C")]
    days = {(ids[0], "mail"): "2026-11-20", (ids[1], "mail"): "2026-11-23", (ids[2], "other-1"): "2026-11-24"}
    await refresher.store.note_use(days)
    question = {"used_by": "mail", "sort": "used", "descending": True}
    page = await ask(admin, LIST, question)
    assert [row["name"] for row in page["rows"]] == ["B", "A"]
    assert page["rows"][0]["used_by"] == [{"principal": "mail", "day": "2026-11-23"}]
    assert [row["name"] for row in (await ask(admin, LIST, {"used_by": "other-1"}))["rows"]] == ["C"]
    assert (await ask(admin, LIST, {"used_by": "nobody"}))["total"] == 0
    assert [row["name"] for row in (await ask(admin, LIST, {"sort": "used"}))["rows"]] == ["A", "B", "C"]


async def test_client_credentials_are_minted_without_anybody_asking(
    refresher: Service, admin: Asker, provider: "ProviderThread"
) -> None:
    requests = {"TokenByClientCredentials": {"url": f"{refresher.base_url}/strict/token"}}
    config = refresher.config(auth_flow="ClientCredentials", requests=requests, scope="mail.imap")
    config_id = await refresher.configured(config)
    await refresher.becomes(config_id, "active")
    assert (await ask(admin, "grantkeeper.token.get.v1", {"config": config_id}))["generation"] == 1
    assert not (await refresher.status(admin, config_id))["has_refresh_token"]
    answer = await ask(admin, REFRESH, {"config": config_id, "generation": 1})
    assert answer["status"]["generation"] == 2


async def test_a_request_that_names_a_revision_waits_until_it_has_arrived(refresher: Service, admin: Asker) -> None:
    event = refresher.changed(refresher.config())
    with pytest.raises(ReplyError, match="not_caught_up"):
        await ask(admin, STATUS, {"config": event.config_id, "min_revision": 1})
    await refresher.tell(event)
    assert await wait_until(lambda: ask(admin, STATUS, {"config": event.config_id, "min_revision": 1}))
