from grantkeeper_client import Asker
from schemas.config_commands import ConfigGet, ConfigUpdate, FieldEdits
from tests.integration.config_service.service import Service, ask


async def test_a_created_config_is_answered_read_and_published(service: Service, admin: Asker) -> None:
    creation = service.creation("  Support   mailbox ")
    saved = await ask(admin, creation)
    assert (saved["revision"], saved["name"], saved["new_login"]) == (1, "Support mailbox", "no")
    event = await service.event_of_revision(creation.config_id, 1)
    assert (event.config.template, event.config.client_id, event.actor) == ("Example provider", "app", "admin")
    assert event.config.client_secret == creation.fields.client_secret
    view = await ask(admin, ConfigGet(config="support mailbox"))
    assert view["config_id"] == creation.config_id
    assert view["client_secret_set"] is True
    assert view["config"]["client_secret"] is None
    assert creation.fields.client_secret in view["text"]


async def test_an_update_makes_the_next_revision(service: Service, admin: Asker) -> None:
    creation = service.creation()
    await ask(admin, creation)
    update = ConfigUpdate(config_id=creation.config_id, expected_revision=1, fields=FieldEdits(scope="mail.send"))
    saved = await ask(admin, update)
    assert (saved["revision"], saved["changed"], saved["new_login"]) == (2, ["scope"], "advised")
    event = await service.event_of_revision(creation.config_id, 2)
    assert (event.config.scope, event.sequence) == ("mail.send", 2)
