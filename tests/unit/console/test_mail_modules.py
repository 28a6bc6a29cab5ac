"""Mail modules: who may send to the bus, what each may get, and the one download of a credential."""

import json
from datetime import timedelta

import pytest
from httpx import AsyncClient

from grantkeeper.crypto.ring import VaultRing
from grantkeeper_client import dump_credential, parse_credential, seal_for_principal
from schemas.config_commands import ConfigGet, PrincipalAdd, PrincipalDisable, PrincipalList
from schemas.config_results import PrincipalView
from schemas.envelope import Message
from schemas.token_requests import CredentialIssue, CredentialIssued, TokenList, TokenPage
from schemas.token_status import UsedBy
from tests.clock import FakeClock
from tests.console_app import credential_of
from tests.console_double import AnsweringBus, refusal
from tests.console_samples import NOW, config_id, page, status, view
from tests.console_system_samples import principal, principals, registered
from tests.unit.console.conftest import LogIn

NEW = {"sequence": "0", "principal": "mail-9", "role": "mail", "description": "New one", "may_get": "all"}

EDITED = {"sequence": "1", "description": "Edited", "may_get": "all"}


@pytest.fixture(autouse=True)
def answers(bus: AnsweringBus, ring: VaultRing) -> None:
    """Services that do what they are told."""

    def get(message: Message) -> object:
        assert isinstance(message, ConfigGet)
        known = {"Support": 1, config_id(1): 1, "Orders": 3, config_id(3): 3}
        if message.config not in known:
            return refusal("not_found")
        return view(known[message.config], name={1: "Support", 3: "Orders"}[known[message.config]])

    bus.answers |= {
        PrincipalList: principals(),
        TokenList: used,
        PrincipalAdd: add,
        PrincipalDisable: lambda message: registered(message.principal, disabled=True),  # type: ignore[attr-defined]
        ConfigGet: get,  # type: ignore[dict-item]
        CredentialIssue: lambda message: issued(ring, message),
    }


def add(message: Message) -> PrincipalView | Exception:
    """As config_service decides on it, for a principal that is there (sequence 1) or is not."""
    assert isinstance(message, PrincipalAdd)
    there = {one.principal for one in principals().principals}
    if message.expected_sequence != (1 if message.principal in there else 0):
        return refusal("revision_conflict")
    return registered(message.principal)


def used(message: Message) -> TokenPage:
    """What the refresher knows: mail-1 got two tokens lately, the others none."""
    assert isinstance(message, TokenList)
    if message.used_by != "mail-1":
        return page([])
    latest, earlier = (UsedBy(principal="mail-1", day=NOW.date() - timedelta(days=days)) for days in (1, 9))
    other = UsedBy(principal="mail-7", day=NOW.date())
    rows = [status(3, name="Orders", used_by=(other, latest)), status(1, used_by=(earlier,))]
    return page(rows[: message.limit], total=2)


def issued(ring: VaultRing, message: Message, version: int = 1) -> CredentialIssued:
    """What the refresher answers: the credential, sealed to the console."""
    assert isinstance(message, CredentialIssue)
    bound = {"principal": message.principal, "version": str(version)}
    text = dump_credential(credential_of(ring, message.principal))
    sealed = seal_for_principal(credential_of(ring).sealing_key, text, bound=bound)
    return CredentialIssued(principal=message.principal, version=version, credential=sealed)


async def test_the_list_tells_what_each_may_get(admin: AsyncClient) -> None:
    text = (await admin.get("/mail-modules")).text
    for said in ("mail-1", "all tokens", "2 tokens", "Disabled", "monitoring", "no access tokens", "Orders&#39; own"):
        assert said in text


async def test_both_pages_tell_what_each_got_last(admin: AsyncClient, bus: AnsweringBus) -> None:
    text = (await admin.get("/mail-modules")).text
    assert "2026-11-23" in text
    assert text.count("none lately") == 2
    shown = (await admin.get("/mail-modules/mail-1")).text
    assert shown.index("2026-11-23") < shown.index("2026-11-15")
    assert bus.last(TokenList) == TokenList(used_by="mail-1", sort="used", descending=True, limit=50, actor="anna")
    del bus.answers[TokenList]
    assert "No refresher answers." in (await admin.get("/mail-modules/mail-1")).text
    assert "mail-1" in (await admin.get("/mail-modules")).text


async def test_one_is_shown_with_the_names_of_its_tokens(admin: AsyncClient) -> None:
    text = (await admin.get("/mail-modules/mail-2")).text
    assert f'<a href="/tokens/{config_id(3)}"><bdi>Orders</bdi></a>' in text
    assert "Download credential file" not in text


async def test_a_token_that_is_gone_keeps_its_id(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[PrincipalList] = principals(principal("mail-0", configs=(config_id(77),)))
    assert config_id(77) in (await admin.get("/mail-modules/mail-0")).text


async def test_a_new_one_is_registered_and_its_credential_downloaded_once(
    admin: AsyncClient, bus: AnsweringBus, ring: VaultRing
) -> None:
    answer = await admin.post("/mail-modules", data=NEW)
    assert answer.headers["location"] == "/mail-modules/mail-9"
    assert bus.last(PrincipalAdd) == PrincipalAdd(
        principal="mail-9", role="mail", description="New one", configs=None, actor="anna", expected_sequence=0
    )
    bus.answers[PrincipalList] = principals(principal("mail-9"))
    shown = (await admin.get("/mail-modules/mail-9")).text
    assert "offered this one time" in shown
    file = await admin.post("/mail-modules/mail-9/credential")
    assert file.headers["content-disposition"] == 'attachment; filename="mail-9.credential.json"'
    assert file.headers["cache-control"] == "no-store"
    found = parse_credential(file.text)
    assert (found.principal, found.sealing_key) == ("mail-9", credential_of(ring, "mail-9").sealing_key)
    keys = {json.loads(file.text)["signing_key"], json.loads(file.text)["sealing_key"]}
    again = await admin.post("/mail-modules/mail-9/credential")
    assert again.status_code == 403
    assert "downloaded already" in again.text
    after = (await admin.get("/mail-modules/mail-9")).text
    assert "Download credential file" not in after
    assert all(key not in page for key in keys for page in (shown, again.text, after))


async def test_nobody_else_may_download_it(admin: AsyncClient, logged_in: LogIn, clock: FakeClock) -> None:
    await admin.post("/mail-modules", data=NEW)
    assert (await logged_in("anna").post("/mail-modules/mail-9/credential")).status_code == 403
    assert (await admin.post("/mail-modules/mail-1/credential")).status_code == 403
    clock.advance(601)
    assert (await admin.post("/mail-modules/mail-9/credential")).status_code == 403


async def test_a_download_that_failed_may_be_tried_again(
    admin: AsyncClient, bus: AnsweringBus, ring: VaultRing
) -> None:
    await admin.post("/mail-modules", data=NEW)
    bus.answers[CredentialIssue] = refusal("not_found")
    assert (await admin.post("/mail-modules/mail-9/credential")).status_code == 404
    bus.answers[CredentialIssue] = lambda message: issued(ring, message)
    assert (await admin.post("/mail-modules/mail-9/credential")).status_code == 200


async def test_chosen_tokens_are_named_and_sent_by_id(admin: AsyncClient, bus: AnsweringBus) -> None:
    await admin.post("/mail-modules", data={**NEW, "may_get": "some", "tokens": "Orders\r\n Support \nOrders\n\n"})
    assert bus.last(PrincipalAdd).configs == (config_id(3), config_id(1))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"principal": ""}, "This field is required."),
        ({"principal": "Mail 9"}, "This cannot be an id."),
        ({"principal": "x" * 65}, "This cannot be an id."),
        ({"description": "x" * 251}, "This is too long."),
        ({"may_get": "some", "tokens": " \n"}, "Name at least one token"),
        ({"may_get": "some", "tokens": "Orders\nNobody\nElse"}, "Not found: Nobody, Else"),
        ({"may_get": "some", "tokens": "\n".join(str(n) for n in range(201))}, "More than 200."),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_is_lost(
    admin: AsyncClient, bus: AnsweringBus, changes: dict[str, str], said: str
) -> None:
    typed = {**NEW, **changes}
    answer = await admin.post("/mail-modules", data=typed)
    assert answer.status_code == 422
    assert said in answer.text
    assert f'value="{typed["description"]}"' in answer.text
    assert not any(isinstance(one, PrincipalAdd) for one in bus.asked)


async def test_an_id_that_is_taken_changes_nobody(admin: AsyncClient, bus: AnsweringBus) -> None:
    answer = await admin.post("/mail-modules", data={**NEW, "principal": "mail-1", "role": "admin"})
    assert answer.status_code == 422
    assert "This id exists already." in answer.text
    assert bus.last(PrincipalAdd).expected_sequence == 0, "the service decides, also of two who add it at once"


async def test_while_nobody_answers_what_was_typed_stays(admin: AsyncClient, bus: AnsweringBus) -> None:
    del bus.answers[PrincipalAdd]
    answer = await admin.post("/mail-modules", data=NEW)
    assert answer.status_code == 503
    assert 'value="mail-9"' in answer.text
    assert "What you typed is still here" in answer.text


async def test_an_edit_keeps_role_and_flags(admin: AsyncClient, bus: AnsweringBus) -> None:
    form = (await admin.get("/mail-modules/mail-2/edit")).text
    assert "Support\nOrders</textarea>" in form
    await admin.post("/mail-modules/console", data={**EDITED, "description": "Ours", "role": "mail"})
    expected = PrincipalAdd(
        principal="console",
        role="admin",
        acts_for_users=True,
        description="Ours",
        expected_sequence=1,
        actor="anna",
    )
    assert bus.last(PrincipalAdd) == expected


async def test_who_was_restricted_meanwhile_stays_so_until_it_was_seen(admin: AsyncClient, bus: AnsweringBus) -> None:
    page = (await admin.get("/mail-modules/mail-2/edit")).text
    assert 'name="sequence" value="1"' in page
    bus.answers[PrincipalList] = principals(principal("mail-2", configs=(config_id(3),), sequence=2))
    typed = {**EDITED, "may_get": "some", "tokens": "Support\nOrders", "description": "Mine"}
    answer = await admin.post("/mail-modules/mail-2", data=typed)
    assert answer.status_code == 409
    for said in ("Somebody changed this meanwhile", "1 token", "Support\nOrders</textarea>", 'value="Mine"'):
        assert said in answer.text
    assert 'name="sequence" value="2"' in answer.text, "Keep mine means what is shown now"
    assert not any(isinstance(one, PrincipalAdd) for one in bus.asked)


async def test_a_change_between_page_and_command_is_shown_too(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[PrincipalAdd] = refusal("revision_conflict")
    answer = await admin.post("/mail-modules/mail-1", data=EDITED)
    assert answer.status_code == 409
    assert "Somebody changed this meanwhile" in answer.text


async def test_an_edit_lets_nobody_in_again(admin: AsyncClient, bus: AnsweringBus) -> None:
    assert "/edit" not in (await admin.get("/mail-modules/mail-old")).text
    for answer in (
        await admin.get("/mail-modules/mail-old/edit"),
        await admin.post("/mail-modules/mail-old", data=EDITED),
    ):
        assert answer.status_code == 403
        assert "Enable it first" in answer.text
    assert not any(isinstance(one, PrincipalAdd) for one in bus.asked)


async def test_a_name_that_went_to_another_token_meanwhile_means_the_one_that_was_shown(
    admin: AsyncClient, bus: AnsweringBus
) -> None:
    page = (await admin.get("/mail-modules/mail-2/edit")).text
    assert f'name="shown_token" value="{config_id(3)} Orders"' in page
    bus.answers[ConfigGet] = view(8, name="Orders")
    typed = {**EDITED, "may_get": "some", "tokens": "Orders", "shown_token": f"{config_id(3)} Orders"}
    await admin.post("/mail-modules/mail-2", data=typed)
    assert bus.last(PrincipalAdd).configs == (config_id(3),)


@pytest.mark.parametrize("sequence", [{}, {"sequence": ""}, {"sequence": "-1"}, {"sequence": "9" * 5000}])
async def test_a_button_without_its_page_does_nothing(
    admin: AsyncClient, bus: AnsweringBus, sequence: dict[str, str]
) -> None:
    assert (await admin.post("/mail-modules/mail-1/disable", data=sequence)).status_code == 400
    assert not any(isinstance(one, PrincipalDisable) for one in bus.asked)


async def test_disabling_and_a_new_credential_are_asked_once_more(admin: AsyncClient, bus: AnsweringBus) -> None:
    assert "Disable mail-1?" in (await admin.get("/mail-modules/mail-1/disable")).text
    assert "useless at once" in (await admin.get("/mail-modules/mail-1/renew")).text
    assert {type(one) for one in bus.asked} == {PrincipalList}
    await admin.post("/mail-modules/mail-1/disable", data={"sequence": "1"})
    assert bus.last(PrincipalDisable) == PrincipalDisable(principal="mail-1", expected_sequence=1, actor="anna")


async def test_a_new_credential_shuts_the_old_one_out(admin: AsyncClient, bus: AnsweringBus) -> None:
    answer = await admin.post("/mail-modules/mail-2/renew", data={"sequence": "1"})
    sent = [one for one in bus.asked if not isinstance(one, PrincipalList)]
    assert [type(one) for one in sent] == [PrincipalDisable, PrincipalAdd]
    assert bus.last(PrincipalAdd).configs == (config_id(1), config_id(3))
    assert answer.headers["location"] == "/mail-modules/mail-2"
    assert (await admin.post("/mail-modules/mail-2/credential")).status_code == 200


async def test_who_was_disabled_comes_back_with_a_new_credential(admin: AsyncClient, bus: AnsweringBus) -> None:
    await admin.post("/mail-modules/mail-old/enable", data={"sequence": "1"})
    assert [type(one) for one in bus.asked] == [PrincipalList, PrincipalAdd]
    assert (await admin.post("/mail-modules/mail-old/credential")).status_code == 200


@pytest.mark.parametrize("action", ["disable", "enable", "renew"])
async def test_the_console_does_not_shut_itself_out(admin: AsyncClient, bus: AnsweringBus, action: str) -> None:
    assert f"/mail-modules/console/{action}" not in (await admin.get("/mail-modules/console")).text
    bus.asked.clear()
    answer = await admin.post(f"/mail-modules/console/{action}")
    assert answer.status_code == 403
    assert "This is the console itself." in answer.text
    assert {type(one) for one in bus.asked} == {PrincipalList}


async def test_a_credential_that_is_bound_elsewhere_is_not_handed_out(
    admin: AsyncClient, bus: AnsweringBus, ring: VaultRing
) -> None:
    await admin.post("/mail-modules", data=NEW)
    bus.answers[CredentialIssue] = lambda message: issued(ring, message).model_copy(update={"version": 2})
    answer = await admin.post("/mail-modules/mail-9/credential")
    assert answer.status_code == 409
    assert "signing_key" not in answer.text


async def test_a_viewer_sees_them_and_gets_no_credential(viewer: AsyncClient, bus: AnsweringBus) -> None:
    assert "mail-1" in (await viewer.get("/mail-modules")).text
    text = (await viewer.get("/mail-modules/mail-1")).text
    assert "/renew" not in text
    assert (await viewer.post("/mail-modules/mail-1/credential")).status_code == 403
    assert {type(one) for one in bus.asked} <= {PrincipalList, ConfigGet, TokenList}
