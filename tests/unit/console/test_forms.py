"""Adding and editing: what is asked of the bus, what is kept of what was typed, and where the secret never stands."""

import re
from html import unescape

import pytest
from httpx import AsyncClient, Response

from grantkeeper.crypto.ring import VaultRing
from grantkeeper_client import open_for_installation
from schemas.config_commands import ConfigCreate, ConfigGet, ConfigUpdate, TemplateList
from schemas.replies import Detail
from schemas.token_config import Options, RequestBlock
from schemas.token_requests import AuthorizationStart, TokenStatusGet
from tests.console_double import AnsweringBus, refusal
from tests.console_samples import (
    NOW,
    config,
    config_id,
    known,
    saved,
    started,
    status,
    template,
    templates,
    view,
)

SECRET = "canary-client-secret-5f1d"
BOUND = {"client_id": "client-9", "host": "oauth2.googleapis.com"}
TOKEN = f"/tokens/{config_id(1)}"
TYPED = {
    "config_id": config_id(9),
    "template": "google-mail",
    "name": "Sales",
    "client_id": "client-9",
    "client_secret": SECRET,
    "scope": "https://mail.google.com/",
    "validity": "valid",
    "mailbox_login": "sales@example.test",
    "client_secret_ends": "2027-05-31",
    "notify_expired_refresh_token": "1",
    "url.AuthorizationCode": "https://accounts.google.com/o/oauth2/v2/auth",
    "url.TokenByAuthorizationCode": "https://oauth2.googleapis.com/token",
    "url.TokenByRefreshToken": "https://oauth2.googleapis.com/token",
}


def hidden(answer: Response, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', answer.text)
    assert found is not None, name
    return found[1]


def open_secret(sealed: str, ring: VaultRing, **bound: str) -> str:
    return open_for_installation(
        ring.installation_private_jwks(), sealed, use="client_secret", bound={**BOUND, **bound}
    )


@pytest.fixture(autouse=True)
def one_template(bus: AnsweringBus) -> None:
    bus.answers[TemplateList] = templates()


async def test_the_add_page_says_what_to_do_at_the_provider(admin: AsyncClient) -> None:
    text = (await admin.get("/tokens/new?template=google-mail")).text
    assert "Create an OAuth client of type Web." in text
    assert 'value="http://127.0.0.1:8090/oauth2/callback/google-mail"' in text
    assert 'data-copy="redirect-uri"' in text


async def test_a_new_token_is_asked_for_with_its_secret_sealed(
    admin: AsyncClient, bus: AnsweringBus, ring: VaultRing
) -> None:
    bus.answers[ConfigCreate] = saved(9, revision=1)
    answer = await admin.post("/tokens", data={**TYPED, "action": "save"})
    assert answer.headers["location"] == f"/tokens/{config_id(9)}?revision=1"
    command = bus.last(ConfigCreate)
    assert (command.config_id, command.template, command.copy_of) == (config_id(9), "google-mail", None)
    fields = command.fields
    assert open_secret(fields.client_secret, ring) == SECRET
    assert (fields.name, fields.client_id) == ("Sales", "client-9")
    assert fields.options.mailbox_login == "sales@example.test"
    assert fields.options.client_secret_ends.isoformat() == "2027-05-31"
    assert fields.requests is None, "unchanged addresses stay the template's"
    assert fields.scope is None
    assert SECRET not in command.model_dump_json()


async def test_save_and_request_goes_straight_to_the_login(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers |= {ConfigCreate: saved(9, revision=1), ConfigGet: view(9), AuthorizationStart: started()}
    answer = await admin.post("/tokens", data={**TYPED, "action": "request"})
    assert "You go to login.microsoftonline.com." in answer.text
    assert bus.last(AuthorizationStart).min_revision == 1


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", " ", "This field is required."),
        ("client_id", "", "This field is required."),
        ("client_secret", "", "This field is required."),
        ("client_secret_ends", "31.05.2027", "This is not a date. Write it as 2027-05-31."),
        ("name", "x" * 251, "This is too long."),
        ("validity", "perhaps", "This field is required."),
    ],
)
async def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(
    admin: AsyncClient, bus: AnsweringBus, field: str, value: str, said: str
) -> None:
    answer = await admin.post("/tokens", data={**TYPED, field: value})
    assert answer.status_code == 422
    assert re.search(rf'id="about-{field}">{re.escape(said)}', answer.text)
    for name, kept in TYPED.items():
        if name not in {field, "client_secret", "validity", "notify_expired_refresh_token"}:
            assert f'value="{kept}"' in answer.text, name
    assert not [one for one in bus.asked if isinstance(one, ConfigCreate)]
    assert SECRET not in answer.text


async def test_a_refusal_keeps_the_secret_sealed_in_the_form(
    admin: AsyncClient, bus: AnsweringBus, ring: VaultRing
) -> None:
    details = (Detail(field="fields.name", problem="is the name of another config", cure="Choose another."),)
    bus.answers[ConfigCreate] = refusal("name_taken", details=details, facts={"config_id": config_id(2)})
    answer = await admin.post("/tokens", data=TYPED)
    assert answer.status_code == 409
    assert "This name exists already." in answer.text
    assert f'href="/tokens/{config_id(2)}">Open it' in answer.text
    assert "is the name of another config. Choose another." in answer.text
    assert SECRET not in answer.text
    sealed = hidden(answer, "client_secret_sealed")
    bus.answers[ConfigCreate] = saved(9)
    again = {**TYPED, "name": "Other", "client_secret": "", "client_secret_sealed": sealed}
    assert (await admin.post("/tokens", data=again)).status_code == 303
    assert open_secret(bus.last(ConfigCreate).fields.client_secret, ring) == SECRET


async def test_a_sealed_secret_is_not_taken_along_to_another_client_or_host(
    admin: AsyncClient, bus: AnsweringBus
) -> None:
    bus.answers[ConfigCreate] = refusal("name_taken")
    sealed = hidden(await admin.post("/tokens", data=TYPED), "client_secret_sealed")
    kept = {**TYPED, "client_secret": "", "client_secret_sealed": sealed}
    for change in ({"client_id": "client-8"}, {"url.TokenByRefreshToken": "https://evil.test/token"}):
        answer = await admin.post("/tokens", data={**kept, **change})
        assert answer.status_code == 422
        assert 'name="client_secret_sealed"' not in answer.text
    assert (await admin.post("/tokens", data={**kept, "client_secret_sealed": "sealed:x"})).status_code == 422


async def test_while_nobody_answers_what_was_typed_stays(
    admin: AsyncClient, bus: AnsweringBus, ring: VaultRing
) -> None:
    answer = await admin.post("/tokens", data=TYPED)
    assert answer.status_code == 503
    assert "What you typed is still here" in answer.text
    assert 'value="Sales"' in answer.text
    assert open_secret(hidden(answer, "client_secret_sealed"), ring) == SECRET
    del bus.answers[TemplateList]
    answer = await admin.post("/tokens", data=TYPED)
    assert answer.status_code == 503
    assert hidden(answer, "name") == "Sales"
    assert SECRET not in answer.text


async def test_a_client_without_secret_needs_none(admin: AsyncClient, bus: AnsweringBus) -> None:
    public = config(name="Public", client_id=None, options=Options(client_authentication="none"))
    bus.answers |= {TemplateList: templates(template(config=public)), ConfigCreate: saved(9)}
    assert (await admin.post("/tokens", data={**TYPED, "client_secret": ""})).status_code == 303
    assert bus.last(ConfigCreate).fields.client_secret is None


async def test_a_duplicate_keeps_the_secret_of_the_original(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers |= {ConfigGet: view(), ConfigCreate: saved(9)}
    assert 'value="Copy of Support"' in (await admin.get(f"/tokens/new?copy_of={config_id(1)}")).text
    typed = {**TYPED, "copy_of": config_id(1), "client_id": "client-1", "client_secret": ""}
    del typed["template"]
    assert (await admin.post("/tokens", data=typed)).status_code == 303
    command = bus.last(ConfigCreate)
    assert (command.copy_of, command.template, command.fields.client_secret) == (config_id(1), None, None)
    answer = await admin.post("/tokens", data={**typed, "client_id": "another"})
    assert "the client secret must be typed again" in answer.text


EDITED = {
    "expected_revision": "3",
    "name": "Support",
    "client_id": "client-1",
    "client_secret": "",
    "scope": "https://mail.google.com/",
    "validity": "valid",
    "mailbox_login": "support@example.test",
    "client_secret_ends": "",
    "notify_expired_refresh_token": "1",
}


async def test_an_edit_names_only_what_changed(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers |= {ConfigGet: view(), ConfigUpdate: saved(revision=4)}
    answer = await admin.post(TOKEN, data={**EDITED, "name": "Helpdesk", "notify_expired_token": "1"})
    assert answer.headers["location"] == f"{TOKEN}?revision=4"
    first, second = (one for one in bus.asked if isinstance(one, ConfigUpdate))
    assert (first.dry_run, second.dry_run) == (True, False)
    assert second.expected_revision == 3
    assert second.fields is not None
    assert second.fields.model_dump(exclude_none=True, exclude_defaults=True) == {
        "name": "Helpdesk",
        "notify_expired_token": True,
    }


async def test_an_emptied_scope_is_cleared(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers |= {ConfigGet: view(), ConfigUpdate: saved()}
    await admin.post(TOKEN, data={**EDITED, "scope": ""})
    assert bus.last(ConfigUpdate).fields.clear == ("scope",)


def cells(answer: Response) -> list[list[str]]:
    """The rows of the table that compares."""
    table = answer.text.partition('<table class="gk-compare">')[2].partition("</table>")[0]
    rows = re.findall(r'<tr><th scope="row">(.*?)</tr>', table, re.DOTALL)
    return [
        [re.sub("<[^>]+>", "", cell) for cell in re.split("</th><td>|</td><td>|</td>", row) if cell] for row in rows
    ]


async def test_who_else_saved_is_said_with_the_difference(admin: AsyncClient, bus: AnsweringBus) -> None:
    theirs = view(revision=8, config=config(scope="theirs"), changed_by="ben")
    bus.answers |= {ConfigGet: theirs, ConfigUpdate: saved()}
    answer = await admin.post(TOKEN, data={**EDITED, "scope": "mine"})
    assert answer.status_code == 409
    assert "ben saved revision 8 while you typed." in answer.text
    assert cells(answer) == [["Scope", "theirs", "mine"]]
    assert not [one for one in bus.asked if isinstance(one, ConfigUpdate)]
    kept = await admin.post(
        TOKEN, data={**EDITED, "scope": "mine", "expected_revision": hidden(answer, "expected_revision")}
    )
    assert kept.status_code == 303
    assert bus.last(ConfigUpdate).fields.scope == "mine"


async def test_what_somebody_else_changed_elsewhere_in_the_form_is_taken_over(
    admin: AsyncClient, bus: AnsweringBus, ring: VaultRing
) -> None:
    bus.answers |= {ConfigGet: view(), ConfigUpdate: saved()}
    was = unescape(hidden(await admin.get(f"{TOKEN}/edit"), "was"))
    theirs = config(scope="theirs", notify_expired_token=True)
    bus.answers[ConfigGet] = view(revision=8, config=theirs, changed_by="ben")
    typed = {**EDITED, "name": "Mine", "client_secret": SECRET, "was": was}
    answer = await admin.post(TOKEN, data=typed)
    assert cells(answer) == [
        ["Scope", "theirs", "not touched by you, theirs is taken over"],
        ["Notify: expired access token", "1", "not touched by you, theirs is taken over"],
    ]
    assert open_secret(hidden(answer, "client_secret_sealed"), ring, client_id="client-1") == SECRET
    again = {name: unescape(hidden(answer, name)) for name in ("expected_revision", "was", "client_secret_sealed")}
    scope = re.search(r'id="field-scope" name="scope" type="text" value="([^"]*)"', answer.text)
    assert scope is not None
    kept = {**EDITED, "name": "Mine", "scope": scope[1], "notify_expired_token": "1", **again}
    assert (await admin.post(TOKEN, data=kept)).status_code == 303
    edits = bus.last(ConfigUpdate).fields.model_dump(exclude_none=True, exclude_defaults=True)
    assert edits.keys() == {"name", "client_secret"}, "only what was typed is written over theirs"


async def test_a_conflict_at_the_last_moment_is_said_too(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers |= {ConfigGet: view(), ConfigUpdate: refusal("revision_conflict", facts={"revision": 4})}
    answer = await admin.post(TOKEN, data={**EDITED, "name": "Mine"})
    assert answer.status_code == 409
    assert "while you typed" in answer.text
    assert 'value="Mine"' in answer.text


async def test_a_new_secret_is_sealed_and_never_shown(admin: AsyncClient, bus: AnsweringBus, ring: VaultRing) -> None:
    bus.answers |= {ConfigGet: view(), ConfigUpdate: refusal("deleted")}
    answer = await admin.post(TOKEN, data={**EDITED, "client_secret": SECRET})
    assert SECRET not in answer.text
    assert open_secret(bus.last(ConfigUpdate).fields.client_secret, ring, client_id="client-1") == SECRET
    assert "Typed and sealed" in answer.text


async def test_another_token_host_needs_the_secret_again(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers |= {ConfigGet: view(), ConfigUpdate: saved()}
    answer = await admin.post(TOKEN, data={**EDITED, "url.TokenByRefreshToken": "https://other.test/token"})
    assert answer.status_code == 422
    assert "the client secret must be typed again" in answer.text
    path = {**EDITED, "url.TokenByRefreshToken": "https://oauth2.googleapis.com/v2/token"}
    assert (await admin.post(TOKEN, data=path)).status_code == 303
    assert set(bus.last(ConfigUpdate).fields.requests) == {"TokenByRefreshToken"}


async def test_editing_while_nobody_answers_loses_nothing(admin: AsyncClient, bus: AnsweringBus) -> None:
    answer = await admin.post(TOKEN, data={**EDITED, "name": "Typed"})
    assert answer.status_code == 503
    assert hidden(answer, "name") == "Typed"
    assert hidden(answer, "expected_revision") == "3"


async def test_an_open_form_says_since_when_the_secret_is_set_and_takes_another_one(
    admin: AsyncClient, bus: AnsweringBus
) -> None:
    bus.answers[ConfigGet] = view(client_secret_set_at=NOW)
    text = (await admin.get(f"{TOKEN}/edit")).text
    assert "set on 2026-11-24" in text
    assert "Replace" in text
    bus.answers[ConfigGet] = view(client_secret_set=False)
    assert "Replace" not in (await admin.get(f"{TOKEN}/edit")).text


async def test_parameters_and_endpoints_are_edited_as_they_are_sent(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers |= {ConfigGet: view(), ConfigUpdate: saved()}
    typed = {
        **EDITED,
        "parameters.AuthorizationCode": "prompt = consent\r\n\r\nlogin_hint=a=b",
        "revocation_endpoint": "https://oauth2.googleapis.com/revoke",
    }
    assert (await admin.post(TOKEN, data=typed)).status_code == 303
    fields = bus.last(ConfigUpdate).fields
    block = fields.requests["AuthorizationCode"]
    assert block.parameters == {"prompt": "consent", "login_hint": "a=b"}
    assert block.url == config().requests["AuthorizationCode"].url
    assert fields.options.revocation_endpoint == "https://oauth2.googleapis.com/revoke"


@pytest.mark.parametrize("text", ["prompt", "=consent", "a=1\na=2"])
async def test_parameters_that_cannot_be_read_are_told_and_kept(
    admin: AsyncClient, bus: AnsweringBus, text: str
) -> None:
    bus.answers |= {ConfigGet: view(), ConfigUpdate: saved()}
    answer = await admin.post(TOKEN, data={**EDITED, "parameters.TokenByRefreshToken": text})
    assert answer.status_code == 422
    assert "Write one name=value a line, each name once." in answer.text
    assert f">\n{text}</textarea>" in answer.text


async def test_a_parameter_that_only_yaml_can_write_does_not_lock_the_form(
    admin: AsyncClient, bus: AnsweringBus
) -> None:
    block = RequestBlock(url="https://oauth2.googleapis.com/token", parameters={"claims": "two\nlines"})
    odd = config(requests={**config().requests, "TokenByRefreshToken": block})
    bus.answers |= {ConfigGet: view(config=odd), ConfigUpdate: saved()}
    typed = {**EDITED, "name": "Other", "parameters.TokenByRefreshToken": "claims=two\nlines"}
    assert (await admin.post(TOKEN, data=typed)).status_code == 303
    assert bus.last(ConfigUpdate).fields.requests is None


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("fields.client_id", "client_id"),
        ("Config.ClientID", "client_id"),
        ("Config.Requests.TokenByRefreshToken.Request.URL", "url.TokenByRefreshToken"),
        ("fields.requests.AuthorizationCode.parameters", "parameters.AuthorizationCode"),
        ("Config.Grantkeeper.MailboxLogin", "mailbox_login"),
        ("Config.Grantkeeper.Servers.Imap", ""),
        ("Config.Grantkeeper.RevocationEndpoint", ""),
    ],
)
async def test_a_services_complaint_stands_at_its_field(
    admin: AsyncClient, bus: AnsweringBus, path: str, field: str
) -> None:
    details = (Detail(field=path, problem="is odd", cure="Change it."),)
    bus.answers |= {ConfigGet: view(), ConfigUpdate: refusal("invalid_field", details=details)}
    typed = {**EDITED, "name": "Other"} | ({field: TYPED.get(field, "")} if "." in field else {})
    text = (await admin.post(TOKEN, data=typed)).text
    assert (f'id="about-{field}">is odd. Change it.' in text) is bool(field)
    assert text.count("is odd. Change it.") == 1


async def test_a_secret_outlives_a_mistake_in_another_field(
    admin: AsyncClient, bus: AnsweringBus, ring: VaultRing
) -> None:
    answer = await admin.post("/tokens", data={**TYPED, "name": ""})
    assert answer.status_code == 422
    assert open_secret(hidden(answer, "client_secret_sealed"), ring) == SECRET


async def test_a_save_that_rewrites_the_text_says_so(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers |= {ConfigGet: view(), ConfigUpdate: saved(rewritten=True), TokenStatusGet: known(status())}
    await admin.post(TOKEN, data={**EDITED, "name": "Other"})
    assert "comments in it are gone" in (await admin.get(TOKEN)).text
