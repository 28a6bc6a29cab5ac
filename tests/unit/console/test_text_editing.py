"""The YAML of a token: sealed before it is sent, errors at their lines, nothing overwritten and nothing lost."""

import re
from html import unescape

import pytest
from httpx import AsyncClient, Response

from grantkeeper.crypto.ring import VaultRing
from grantkeeper_client import open_for_installation
from schemas.config_commands import ConfigGet, ConfigUpdate
from schemas.replies import Detail
from services.console.record_text import without_secret
from tests.console_double import AnsweringBus, refusal
from tests.console_samples import config_id, saved, view

SECRET = "canary-yaml-secret-77"
PAGE = f"/tokens/{config_id(1)}/yaml"
TEXT = """# kept: why this one has its own client
Name: Support
Config:
  ClientID: client-1
  ClientSecret: sealed:abc.def
  Requests:
    TokenByRefreshToken:
      Request:
        URL: https://oauth2.googleapis.com/token
"""
PLAIN = TEXT.replace("sealed:abc.def", SECRET)


def typed(text: str, revision: int = 3, **more: str) -> dict[str, str]:
    """What a browser sends: lines end as forms end them."""
    return {"text": text.replace("\n", "\r\n"), "expected_revision": str(revision), **more}


def shown(answer: Response) -> str:
    """The text in the page's field."""
    found = re.search(r'<textarea[^>]*name="text"[^>]*>\n(.*?)</textarea>', answer.text, re.DOTALL)
    assert found is not None
    return unescape(found[1])


@pytest.fixture(autouse=True)
def one_token(bus: AnsweringBus) -> None:
    bus.answers |= {ConfigGet: view(text=TEXT), ConfigUpdate: saved(revision=4)}


async def test_the_text_is_shown_and_saved_as_it_stands(admin: AsyncClient, bus: AnsweringBus) -> None:
    page = await admin.get(PAGE)
    assert shown(page) == TEXT
    answer = await admin.post(PAGE, data=typed(shown(page).replace("Support", "Helpdesk")))
    assert answer.headers["location"] == f"/tokens/{config_id(1)}?revision=4"
    sent = bus.last(ConfigUpdate)
    assert sent.text == TEXT.replace("Support", "Helpdesk")
    assert (sent.expected_revision, sent.fields, sent.dry_run) == (3, None, False)


async def test_the_line_ends_of_the_stored_text_stay(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[ConfigGet] = view(text=TEXT.replace("\n", "\r\n"))
    await admin.post(PAGE, data=typed(TEXT))
    assert bus.last(ConfigUpdate).text == TEXT.replace("\n", "\r\n")


@pytest.mark.parametrize("text", [PLAIN, "- " + PLAIN.partition("\n")[2].replace("\n", "\n  ").rstrip() + "\n"])
async def test_a_plain_secret_is_sealed_before_it_is_sent(
    admin: AsyncClient, bus: AnsweringBus, ring: VaultRing, text: str
) -> None:
    bus.answers[ConfigUpdate] = refusal("deleted")
    answer = await admin.post(PAGE, data=typed(text))
    sent = bus.last(ConfigUpdate).text
    sealed = re.search(r"ClientSecret: (sealed:\S+)", sent)
    assert sealed is not None
    bound = {"client_id": "client-1", "host": "oauth2.googleapis.com"}
    keys = ring.installation_private_jwks()
    assert open_for_installation(keys, sealed[1], use="client_secret", bound=bound) == SECRET
    assert SECRET not in answer.text
    assert shown(answer) == sent


async def test_an_error_of_the_service_stands_at_its_line(admin: AsyncClient, bus: AnsweringBus) -> None:
    details = (Detail(line=4, column=13, problem="is not known", cure="Use another."),)
    bus.answers[ConfigUpdate] = refusal("invalid_field", details=details)
    answer = await admin.post(PAGE, data=typed(TEXT))
    assert answer.status_code == 409
    assert 'data-line="4" data-column="13">line 4, column 13</a>' in answer.text
    assert "is not known" in answer.text
    assert "4    ClientID: client-1\n               ^</pre>" in answer.text
    assert shown(answer) == TEXT


async def test_an_error_of_the_yaml_stands_at_its_line_too_and_is_not_sent(
    admin: AsyncClient, bus: AnsweringBus
) -> None:
    answer = await admin.post(PAGE, data=typed(TEXT.replace("  ClientID: client-1", "  ClientID: x\n  ClientID: y")))
    assert answer.status_code == 422
    assert "line 5, column 3" in answer.text
    assert "is-invalid" in answer.text
    assert [type(one) for one in bus.asked] == [ConfigGet]


async def test_a_text_that_cannot_be_read_comes_back_without_its_secret(admin: AsyncClient, bus: AnsweringBus) -> None:
    answer = await admin.post(PAGE, data=typed(PLAIN + "  - broken: [\n"))
    assert answer.status_code == 422
    assert SECRET not in answer.text
    assert "Type it again." in answer.text
    assert "broken: [" in shown(answer)
    assert "# kept: why" in shown(answer)


@pytest.mark.parametrize(
    "text",
    [
        f"  ClientSecret: {SECRET}\n  Scope: a\n",
        f"  ClientSecret: '{SECRET} it''s'\n  Scope: a\n",
        f'{{"ClientID": "a", "ClientSecret": "{SECRET}\\"x", "Scope": "a"\n',
        f"  ClientSecret: |-\n    {SECRET}\n\n    {SECRET}\n  Scope: a\n",
        f"- ClientSecret: >\n    {SECRET}\n  Scope: a\n",
    ],
)
def test_every_way_to_write_a_secret_is_cut_out_and_nothing_else(text: str) -> None:
    kept = without_secret(text)
    assert SECRET not in kept
    assert "Scope" in kept


@pytest.mark.parametrize("line", ["  ClientSecret: sealed:abc", '  ClientSecret: "sealed:abc"', "  ClientSecret:"])
def test_what_is_no_plain_secret_stays(line: str) -> None:
    assert without_secret(f"{line}\n  Scope: a\n") == f"{line}\n  Scope: a\n"


async def test_who_else_saved_is_shown_as_a_difference(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[ConfigGet] = view(text=TEXT.replace("client-1", "client-2"), revision=8, changed_by="ben")
    answer = await admin.post(PAGE, data=typed(TEXT))
    assert answer.status_code == 409
    assert "ben saved revision 8 while you typed." in answer.text
    assert "<del>-  ClientID: client-2</del><ins>+  ClientID: client-1</ins>" in answer.text
    assert not [one for one in bus.asked if isinstance(one, ConfigUpdate)]
    assert shown(answer) == TEXT
    assert (await admin.post(PAGE, data=typed(TEXT, revision=8))).status_code == 303
    assert bus.last(ConfigUpdate).expected_revision == 8


async def test_a_broken_text_hides_no_save_in_between(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[ConfigGet] = view(text=TEXT, revision=8, changed_by="ben")
    answer = await admin.post(PAGE, data=typed(TEXT + "  - ["))
    assert "ben saved revision 8 while you typed." in answer.text


async def test_what_a_change_means_is_said_before_it_is_stored(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[ConfigUpdate] = saved(new_login="required")
    answer = await admin.post(PAGE, data=typed(TEXT))
    assert "needs a new login after saving" in answer.text
    assert bus.last(ConfigUpdate).dry_run
    assert (await admin.post(PAGE, data=typed(TEXT, confirmed="1"))).status_code == 303
    assert not bus.last(ConfigUpdate).dry_run


@pytest.mark.parametrize("silent", [(ConfigGet, ConfigUpdate), (ConfigUpdate,)])
async def test_while_nobody_answers_the_text_stays(
    admin: AsyncClient, bus: AnsweringBus, silent: tuple[type, ...]
) -> None:
    for one in silent:
        del bus.answers[one]
    answer = await admin.post(PAGE, data=typed(PLAIN))
    assert answer.status_code == 503
    assert "# kept: why" in answer.text
    assert "sealed:" in answer.text
    assert SECRET not in answer.text


@pytest.mark.parametrize("text", ["", "- Name: a\n- Name: b\n", "x" * 70_000])
async def test_what_is_not_one_record_is_refused_with_its_cure(
    admin: AsyncClient, bus: AnsweringBus, text: str
) -> None:
    answer = await admin.post(PAGE, data=typed(text))
    assert answer.status_code == 422
    assert "line 1, column 1" in answer.text


async def test_a_viewer_sees_no_text(viewer: AsyncClient) -> None:
    assert (await viewer.get(PAGE)).status_code == 403
