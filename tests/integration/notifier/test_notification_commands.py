from collections.abc import Mapping
from typing import Any

import pytest

from grantkeeper_client import Asker, ReplyError
from schemas.notification_commands import NotificationAcknowledge, NotificationCommand, NotificationList
from schemas.topics import NOTIFICATION_COMMANDS
from tests.integration.notifier.service import CONFIG_ID, Service, recovered, reported

CAUSE = f"{CONFIG_ID}:expired_refresh_token"


async def ask(asker: Asker, message: NotificationCommand) -> Mapping[str, Any]:
    data = message.model_dump(mode="json", exclude_none=True)
    return await asker.ask(NOTIFICATION_COMMANDS, message.TYPE, data, key=b"k")


async def test_what_is_open_is_listed_newest_first_and_what_is_resolved_on_demand(service: Service) -> None:
    await service.tell(reported(1), reported(2, kind="config_fault"), reported(3, kind="lost_rotation"))
    await service.tell(recovered(4, f"{CONFIG_ID}:lost_rotation"))
    await service.becomes(f"{CONFIG_ID}:lost_rotation", "resolved")
    async with service.house.asker("viewer") as viewer:
        page = await ask(viewer, NotificationList())
        resolved = await ask(viewer, NotificationList(states=("resolved",)))
        second = await ask(viewer, NotificationList(offset=1, limit=1))
    assert [one["kind"] for one in page["notifications"]] == ["config_fault", "expired_refresh_token"]
    assert (page["total"], resolved["total"], second["total"]) == (2, 1, 2)
    assert [one["kind"] for one in second["notifications"]] == ["expired_refresh_token"]


async def test_acknowledging_twice_answers_equal_and_changes_once(service: Service) -> None:
    await service.tell(reported(1))
    await service.becomes(CAUSE, "open")
    async with service.house.asker() as admin:
        first = await ask(admin, NotificationAcknowledge(cause=CAUSE))
        second = await ask(admin, NotificationAcknowledge(cause=CAUSE))
    assert first["notification"]["state"] == "acknowledged"
    assert first["notification"]["acknowledged_by"] == "admin"
    assert dict(first) == dict(second)
    await service.becomes(CAUSE, "acknowledged")


async def test_news_that_its_sender_did_not_see_is_not_silenced(service: Service) -> None:
    await service.tell(reported(1), reported(2, cure_id="type_secret_again"))
    await service.handled()
    async with service.house.asker() as admin:
        with pytest.raises(ReplyError) as refused:
            await ask(admin, NotificationAcknowledge(cause=CAUSE, sequence=1))
        assert (refused.value.code, refused.value.facts) == ("revision_conflict", {"sequence": 2})
        taken = await ask(admin, NotificationAcknowledge(cause=CAUSE, sequence=2))
    assert taken["notification"]["state"] == "acknowledged"


async def test_an_unknown_cause_is_not_found(service: Service) -> None:
    async with service.house.asker() as admin:
        with pytest.raises(ReplyError) as refused:
            await ask(admin, NotificationAcknowledge(cause=CAUSE))
    assert refused.value.code == "not_found"


async def test_a_viewer_cannot_acknowledge(service: Service) -> None:
    async with service.house.asker("viewer") as viewer:
        with pytest.raises(ReplyError) as refused:
            await ask(viewer, NotificationAcknowledge(cause=CAUSE))
    assert refused.value.code == "not_permitted"
