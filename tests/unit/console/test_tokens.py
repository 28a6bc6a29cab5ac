"""The overview and the page of one token: facts in words, and what is left when somebody does not answer."""

from datetime import timedelta

import pytest
from httpx import AsyncClient

from schemas.config_commands import ConfigDelete, ConfigGet, ConfigUndelete, ConfigUpdate
from schemas.findings import Finding
from schemas.token_requests import Revoked, TokenList, TokenRefresh, TokenRevoke, TokenStatusGet
from tests.console_double import AnsweringBus, refusal
from tests.console_samples import NOW, config_id, fleet, known, page, saved, status, view

TOKEN = f"/tokens/{config_id(1)}"


async def test_each_state_is_said_in_words(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[TokenList] = page(fleet())
    text = (await admin.get("/tokens")).text
    for words in (
        "Active",
        "Retrying",
        "Log in again",
        "Not authorized",
        "Waiting for login",
        "Expired",
        "Blocked by client",
        "Off",
        "Revoked",
        "41 min left",
        "refresh token without end date",
        "renews in 29 min",
        "next try in 40 s",
        "expired 2 h ago",
        "waits for you",
        "No access token was requested yet",
        "AADSTS700082",
        "Request a new token.",
        "Wrong mailbox: logged in as anna@example.test, expected legal@example.test",
        "New login needed",
        "Client secret ends on 2026-12-01",
        "3 tokens need a login",
    ):
        assert words in text


async def test_the_overview_speaks_german_to_a_german_browser(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[TokenList] = page(fleet())
    text = (await admin.get("/tokens", headers={"accept-language": "de-DE,de;q=0.9,en;q=0.8"})).text
    assert "Neu anmelden" in text
    assert "noch 41 min" in text


async def test_filter_sort_and_page_are_the_services_work(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[TokenList] = page(fleet(), total=4321)
    query = "search=sup&state=active&validity=valid&client=abc&sort=expires_at&descending=1&page=3"
    text = (await admin.get(f"/tokens?{query}")).text
    asked = bus.last(TokenList)
    assert (asked.search, asked.states, asked.validity, asked.client) == ("sup", ("active",), ("valid",), "abc")
    assert (asked.sort, asked.descending, asked.offset, asked.limit) == ("expires_at", True, 100, 50)
    assert "Page 3 of 87" in text
    assert "page=4" in text
    assert "page=2" in text


async def test_nonsense_in_the_address_shows_the_whole_list(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[TokenList] = page(fleet())
    answer = await admin.get("/tokens?state=<x>&sort=drop&page=-1&validity=no&client=" + "c" * 99)
    assert answer.status_code == 200
    assert bus.last(TokenList).sort == "name"
    assert bus.last(TokenList).offset == 0


async def test_an_empty_installation_says_the_one_thing_to_do(
    admin: AsyncClient, viewer: AsyncClient, bus: AnsweringBus
) -> None:
    bus.answers[TokenList] = page([])
    text = (await admin.get("/tokens")).text
    assert "One thing to do first" in text
    assert 'href="/tokens/new"' in text
    assert 'href="/tokens/new"' not in (await viewer.get("/tokens")).text


async def test_a_filter_that_finds_nothing_is_no_empty_installation(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[TokenList] = page([])
    text = (await admin.get("/tokens?search=nothing")).text
    assert "No token fits this filter." in text
    assert "One thing to do first" not in text


async def test_while_nobody_answers_the_page_says_so_and_asks_again(admin: AsyncClient) -> None:
    answer = await admin.get("/tokens?search=kept")
    assert answer.status_code == 503
    assert "No service answers at the moment" in answer.text
    assert 'hx-get="/tokens?search=kept" hx-trigger="every 5s"' in answer.text


async def test_the_page_of_a_token_shows_both_services_word(admin: AsyncClient, bus: AnsweringBus) -> None:
    finding = Finding(level="warning", code="no_prompt", line=4, column=2, message="prompt is missing", cure="Add it.")
    bus.answers = {ConfigGet: view(findings=(finding,)), TokenStatusGet: known(status(used_by=fleet()[0].used_by))}
    text = (await admin.get(f"{TOKEN}?revision=4")).text
    assert "mail-1 (today)" in text
    assert "set on 2026-11-03 (never shown)" in text
    assert "http://127.0.0.1:8090/oauth2/callback/google-mail" in text
    assert "line 4, column 2: prompt is missing. Add it." in text
    assert bus.last(TokenStatusGet).min_revision == 4


@pytest.mark.parametrize(
    ("silent", "said"),
    [(TokenStatusGet, "The refresher does not know this token yet"), (ConfigGet, "The config service does not answer")],
)
async def test_one_silent_service_takes_nothing_but_its_own_part(
    admin: AsyncClient, bus: AnsweringBus, silent: type, said: str
) -> None:
    bus.answers = {ConfigGet: view(), TokenStatusGet: known(status())}
    del bus.answers[silent]
    answer = await admin.get(TOKEN)
    assert answer.status_code == 200
    assert said in answer.text
    assert "Support" in answer.text


async def test_a_token_that_does_not_exist_is_not_found(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers = {ConfigGet: refusal("not_found"), TokenStatusGet: refusal("not_found")}
    answer = await admin.get(TOKEN)
    assert answer.status_code == 404
    assert "This does not exist" in answer.text


async def test_the_person_stands_behind_every_question(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers = {ConfigGet: view(), TokenStatusGet: known(status())}
    await admin.get(TOKEN)
    assert bus.actors == ["anna", "anna"]


async def test_a_button_means_what_its_page_showed(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers = {TokenStatusGet: known(status()), ConfigGet: view(), TokenList: page(fleet())}
    for path, hidden in (
        (f"{TOKEN}/revoke", 'name="generation" value="7"'),
        (f"{TOKEN}/delete", 'name="revision" value="3"'),
        (f"{TOKEN}/validity", 'name="revision" value="3"'),
        (TOKEN, 'name="generation" value="7"'),
        ("/tokens", 'name="generation" value="7"'),
    ):
        assert hidden in (await admin.get(path)).text, path
    bus.answers |= {TokenRevoke: refusal("generation_conflict"), ConfigDelete: refusal("revision_conflict")}
    for path, number in (("revoke", "generation"), ("delete", "revision")):
        answer = await admin.post(f"{TOKEN}/{path}", data={number: "2"})
        assert answer.status_code == 409
        assert "changed" in answer.text
        assert (await admin.post(f"{TOKEN}/{path}")).status_code == 400
    assert bus.last(TokenRevoke).generation == 2
    assert bus.last(ConfigDelete).expected_revision == 2


async def test_refresh_means_the_generation_that_was_shown(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers = {TokenStatusGet: known(status(generation=9)), TokenRefresh: known(status(generation=10))}
    answer = await admin.post(f"{TOKEN}/refresh", data={"generation": "7"})
    assert bus.last(TokenRefresh).generation == 7
    assert answer.headers["location"] == TOKEN
    bus.answers[ConfigGet] = view()
    assert "Refreshed. Mail modules get the new access token." in (await admin.get(TOKEN)).text
    assert "Refreshed." not in (await admin.get(TOKEN)).text, "said once"


async def test_a_refused_refresh_is_said_with_its_cure(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers = {TokenStatusGet: known(status()), TokenRefresh: refusal("client_fault", "invalid_client: new secret")}
    answer = await admin.post(f"{TOKEN}/refresh", data={"generation": "7"})
    assert answer.status_code == 409
    assert "The provider does not accept this client." in answer.text
    assert "invalid_client: new secret" in answer.text


async def test_an_unanswered_action_says_that_its_outcome_is_unknown(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers = {TokenStatusGet: known(status())}
    answer = await admin.post(f"{TOKEN}/refresh", data={"generation": "7"})
    assert answer.status_code == 503
    assert "Whether it was carried out is not known" in answer.text


@pytest.mark.parametrize(
    ("at_provider", "said"),
    [("revoked", "Revoked at the provider"), ("no_endpoint", "has no way to revoke"), ("failed", "could not be told")],
)
async def test_revoking_says_how_far_it_reached(
    admin: AsyncClient, bus: AnsweringBus, at_provider: str, said: str
) -> None:
    done = Revoked.model_validate({"status": status(state="revoked"), "at_provider": at_provider})
    bus.answers = {ConfigGet: view(), TokenStatusGet: known(status()), TokenRevoke: done}
    assert "Mail stops until somebody logs in again" in (await admin.get(f"{TOKEN}/revoke")).text
    await admin.post(f"{TOKEN}/revoke", data={"generation": "7"})
    assert bus.last(TokenRevoke).generation == 7
    assert said in (await admin.get(TOKEN)).text


async def test_before_a_delete_the_page_says_who_used_it(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers = {ConfigGet: view(), TokenStatusGet: known(fleet()[0]), ConfigDelete: saved(deleted=True)}
    assert "mail-1 (today)" in (await admin.get(f"{TOKEN}/delete")).text
    del bus.answers[TokenStatusGet]
    assert "Who used it is not known" in (await admin.get(f"{TOKEN}/delete")).text
    await admin.post(f"{TOKEN}/delete", data={"revision": "3"})
    assert bus.last(ConfigDelete).config_id == config_id(1)


async def test_a_deleted_token_can_be_restored(admin: AsyncClient, bus: AnsweringBus) -> None:
    gone = status(state="off", deleted=True)
    bus.answers = {ConfigGet: view(deleted=True), TokenStatusGet: known(gone), ConfigUndelete: saved()}
    text = (await admin.get(TOKEN)).text
    assert "This token is deleted" in text
    assert f'action="{TOKEN}/undelete"' in text
    await admin.post(f"{TOKEN}/undelete")
    assert bus.last(ConfigUndelete).config_id == config_id(1)


async def test_keeping_another_account_makes_it_the_expected_one(admin: AsyncClient, bus: AnsweringBus) -> None:
    wrong = status(account="anna@example.test", wrong_account=True)
    bus.answers = {ConfigGet: view(), TokenStatusGet: known(wrong), ConfigUpdate: saved(revision=5)}
    answer = await admin.post(f"{TOKEN}/keep-account")
    options = bus.last(ConfigUpdate).fields.options
    assert options.mailbox_login == "anna@example.test"
    assert options.setup_hint == view().config.options.setup_hint, "what the form does not show stays"
    assert answer.headers["location"] == f"{TOKEN}?revision=5"


async def test_the_work_list_leads_to_the_next_login(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[TokenList] = page([fleet()[2]])
    answer = await admin.get("/tokens/next-login")
    assert answer.headers["location"] == f"/tokens/{config_id(3)}/authorize"
    bus.answers[TokenList] = page([])
    assert (await admin.get("/tokens/next-login")).headers["location"] == "/tokens"


async def test_a_login_that_was_left_stays_on_the_work_list_behind_those_that_nobody_began(
    admin: AsyncClient, bus: AnsweringBus
) -> None:
    left = status(state="authorizing", authorizing_until=NOW + timedelta(minutes=9))
    bus.answers[TokenList] = page([left])
    assert 'href="/tokens/next-login"' in (await admin.get("/tokens")).text
    assert (await admin.get("/tokens/next-login")).headers["location"] == f"{TOKEN}/authorize"
    asked = bus.last(TokenList)
    assert sorted(asked.states, reverse=asked.descending)[-1] == "authorizing"


async def test_while_nobody_answers_the_page_of_a_token_asks_again(admin: AsyncClient) -> None:
    answer = await admin.get(TOKEN)
    assert answer.status_code == 503
    assert f'hx-get="{TOKEN}" hx-trigger="every 5s" hx-target="#content"' in answer.text


async def test_a_live_part_that_cannot_be_drawn_loads_the_whole_page(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers = {ConfigGet: refusal("not_found"), TokenStatusGet: refusal("not_found")}
    assert (await admin.get(TOKEN, headers={"hx-request": "true"})).headers["hx-refresh"] == "true"
    assert "hx-refresh" not in (await admin.get(TOKEN)).headers


@pytest.mark.parametrize(
    "path", [f"/tokens/{'x' * 300}", f"/tokens/{'x' * 300}/edit", "/tokens/new?copy_of=" + "y" * 300]
)
async def test_what_cannot_be_an_id_is_refused_and_not_asked(admin: AsyncClient, bus: AnsweringBus, path: str) -> None:
    answer = await admin.get(path)
    assert answer.status_code == 400
    assert "cannot be right" in answer.text
    assert bus.asked == []
