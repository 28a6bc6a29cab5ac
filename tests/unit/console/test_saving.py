"""Saving: what a change means is said first, and a form that is sent again finds what it stored."""

import pytest
from httpx import AsyncClient

from schemas.config_commands import ConfigCreate, ConfigGet, ConfigUpdate, TemplateList
from schemas.replies import Detail
from schemas.token_requests import TokenStatusGet
from tests.console_double import AnsweringBus, refusal
from tests.console_samples import config_id, known, saved, status, templates, view
from tests.unit.console.test_forms import EDITED, TOKEN, TYPED, hidden


async def test_what_a_change_means_is_said_before_it_is_stored(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers |= {ConfigGet: view(), ConfigUpdate: saved(new_login="advised")}
    answer = await admin.post(TOKEN, data={**EDITED, "scope": "other"})
    assert "The new scope takes effect with the next login." in answer.text
    assert bus.last(ConfigUpdate).dry_run
    confirmed = await admin.post(TOKEN, data={**EDITED, "scope": "other", "confirmed": hidden(answer, "confirmed")})
    assert confirmed.status_code == 303
    assert not bus.last(ConfigUpdate).dry_run


@pytest.mark.parametrize(
    ("account", "asked"), [("support@example.test", True), ("Other@Example.test", False), (None, False)]
)
async def test_another_mailbox_than_the_connected_account_is_asked_before_it_is_stored(
    admin: AsyncClient, bus: AnsweringBus, *, account: str | None, asked: bool
) -> None:
    bus.answers |= {
        ConfigGet: view(),
        ConfigUpdate: saved(changed=("options.mailbox_login",)),
        TokenStatusGet: known(status(account=account)),
    }
    answer = await admin.post(TOKEN, data={**EDITED, "mailbox_login": "other@example.test"})
    assert ("Another account is connected." in answer.text) == asked
    assert bus.last(ConfigUpdate).dry_run == asked
    if asked:
        again = {**EDITED, "mailbox_login": "other@example.test", "confirmed": hidden(answer, "confirmed")}
        assert (await admin.post(TOKEN, data=again)).status_code == 303
        assert not bus.last(ConfigUpdate).dry_run


@pytest.mark.parametrize(
    ("stored", "found"),
    [({}, True), ({"name": "Other"}, False), ({"changed_by": "ben"}, False), ({"revision": 2}, False)],
)
async def test_a_form_whose_first_answer_was_lost_finds_what_it_stored(
    admin: AsyncClient, bus: AnsweringBus, *, stored: dict[str, object], found: bool
) -> None:
    detail = Detail(field="config_id", problem="another config has this id", cure="Send a new UUIDv7.")
    kept = view(9, **{"name": "Sales", "revision": 1, "changed_by": "anna", **stored})
    bus.answers |= {
        TemplateList: templates(),
        ConfigCreate: refusal("invalid_field", details=[detail]),
        ConfigGet: kept,
    }
    answer = await admin.post("/tokens", data={**TYPED, "action": "save"})
    assert answer.status_code == (303 if found else 409)
    assert (answer.headers.get("location") == f"/tokens/{config_id(9)}?revision=1") == found
