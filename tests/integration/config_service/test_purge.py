"""30 days after a delete: announced, then forgotten."""

from datetime import timedelta

import pytest

from grantkeeper.mongo.client import MongoConnection
from grantkeeper.process.clock import SYSTEM_CLOCK
from grantkeeper_client import Asker, ReplyError
from schemas.config_commands import ConfigDelete, ConfigGet, ConfigUndelete
from schemas.config_events import ConfigChanged, ConfigPurged
from schemas.topics import CONFIG_EVENTS
from services.config_service.purge import Purge
from services.config_service.store import ConfigStore
from tests.integration.config_service.service import Service, ask
from tests.integration.house import LaterClock
from tests.waiting import wait_until


async def types(service: Service, config_id: str) -> list[str | None]:
    """The types of what the topic holds of one config; None = a tombstone."""
    found = [one for one in await service.house.read(CONFIG_EVENTS) if one.key == config_id.encode()]
    return [None if one.value is None else one.type for one in found]


async def _nobody(_: object) -> None:
    raise AssertionError("nothing is to be published")


async def is_forgotten(service: Service, config_id: str) -> bool:
    async with service.collection("token_configs") as configs, service.collection("token_config_history") as history:
        left = await configs.count_documents({"_id": config_id}) + await history.count_documents(
            {"config_id": config_id}
        )
    return bool(left == 0)


async def test_a_config_is_announced_as_purged_then_forgotten_and_its_name_is_free(
    service: Service, admin: Asker
) -> None:
    creation, kept = service.creation("Gone"), service.creation("Kept")
    await ask(admin, creation)
    await ask(admin, kept)
    await ask(admin, ConfigDelete(config_id=creation.config_id))
    async with service.running(clock=LaterClock(timedelta(days=30, minutes=1)), purge_interval=0.1):
        await wait_until(lambda: is_forgotten(service, creation.config_id))
    told = await types(service, creation.config_id)
    assert told[-2:] == [ConfigPurged.TYPE, None]
    assert set(told[:-2]) == {ConfigChanged.TYPE}
    with pytest.raises(ReplyError, match="no token config"):
        await ask(admin, ConfigUndelete(config_id=creation.config_id))
    assert (await ask(admin, ConfigGet(config="Kept")))["config_id"] == kept.config_id
    assert (await ask(admin, service.creation("Gone")))["revision"] == 1


async def test_before_the_thirty_days_are_over_nothing_is_purged(service: Service, admin: Asker) -> None:
    creation = service.creation()
    await ask(admin, creation)
    await ask(admin, ConfigDelete(config_id=creation.config_id))
    almost = MongoConnection(service.house.mongo, service="test", clock=SYSTEM_CLOCK)
    purge = Purge(ConfigStore(almost.database), _nobody, LaterClock(timedelta(days=29, hours=23)), 1.0)
    assert await purge.turn() == 1.0
    await almost.stop()
    assert (await ask(admin, ConfigUndelete(config_id=creation.config_id)))["deleted"] is False
