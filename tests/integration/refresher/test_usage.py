"""Who used a token is noted once a minute; neither an outage nor what comes during the write loses a use."""

from collections.abc import Mapping

import pytest
from typing_extensions import override

from grantkeeper.bus.errors import Unavailable
from grantkeeper.process.clock import SYSTEM_CLOCK, SYSTEM_IDS
from grantkeeper.process.metrics import Metrics
from services.refresher.reading import Reading
from services.refresher.store import GrantStore
from services.refresher.usage import Usage
from tests.integration.refresher.service import Service


class Busy(GrantStore):
    """The real store, where another use comes during every write; while `away` nothing is written."""

    usage: Usage
    config_id: str
    away = True
    writes = 0

    @override
    async def note_use(self, days: Mapping[tuple[str, str], str]) -> None:
        self.writes += 1
        self.usage.note(self.config_id, f"during-{self.writes}", SYSTEM_CLOCK.now())
        if self.away:
            raise Unavailable("MongoDB is away")
        await super().note_use(days)


async def test_a_use_is_lost_neither_by_an_outage_nor_by_a_write_that_is_under_way(service: Service) -> None:
    reading = Reading(SYSTEM_CLOCK, Metrics("test"))
    store = Busy(service.database, service.store.time, SYSTEM_IDS, reading)
    store.config_id = await service.insert(service.config())
    store.usage = Usage(store, clock=SYSTEM_CLOCK, metrics=Metrics("test"), is_held=lambda: False)
    store.usage.note(store.config_id, "before", SYSTEM_CLOCK.now())
    with pytest.raises(Unavailable):
        await store.usage.flush()
    store.away = False
    await store.usage.flush()
    assert set((await service.record(store.config_id)).used_by) == {"before", "during-1"}
    await store.usage.flush()
    assert set((await service.record(store.config_id)).used_by) == {"before", "during-1", "during-2"}
