"""Real servers, the local provider as a process, and grants with short lives in two of its realms."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from devstack.provider.control_client import ProviderControl
from services.refresher.domain.record import Record
from tests.integration.house import house
from tests.integration.refresher.service import Service
from tests.partners.stub import start_stub
from tests.servers import running_kafka, running_mongo
from tests.soak.admin import Admin

REALMS = ("strict", "microsoft")
SHORTEST_LIFE = 20.0
PER_SECOND = 25.0
"""Refreshes that all grants together call for: a small machine starts and kills processes besides."""
ANSWER_AFTER = 0.1
"""Seconds that the provider takes for each answer, so that a kill finds open requests."""

PATIENCE = 120.0
"""Seconds for what kills have left behind; besides, each grant gets the time of four lives."""
LOOK = 0.5
"""Seconds between two looks at all grants."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Everything that stays while refreshers die."""

    service: Service
    control: ProviderControl
    admin: Admin
    life: float
    """Seconds of an access token."""
    folder: Path


@asynccontextmanager
async def installed(folder: Path, grants: int) -> AsyncIterator[Installation]:
    """Start servers and provider; `grants` in each realm. No refresher runs yet."""
    environment = dict(os.environ)
    async with AsyncExitStack() as stack:
        kafka = stack.enter_context(running_kafka(environment, folder / "kafka"))
        mongo = stack.enter_context(running_mongo(environment, folder / "mongo"))
        stub = start_stub(folder, environment)
        stack.callback(stub.child.stop)
        life = max(SHORTEST_LIFE, 2 * len(REALMS) * grants / PER_SECOND)  # a refresh comes after half of it
        for realm in REALMS:
            stub.control.change_realm(realm, access_token_life=life, answer_after=ANSWER_AFTER)
        one = await stack.enter_async_context(house(kafka.bootstrap_servers, "soak.", mongo.uri, "soak", folder))
        service = Service(one, stub.base_url)
        stack.callback(service.database.client.close)
        await service.prepare()
        admin = Admin(service, stub.control, life)
        for realm in REALMS:
            for number in range(grants):
                await admin.add(realm, number)
        yield Installation(service, stub.control, admin, life, folder)


async def settle(installation: Installation, processes: int) -> list[str]:
    """Let refreshers run undisturbed until each grant has been renewed once more, or is told to be over; end them.

    Returns the config ids of those that did not get there in time.
    """
    control, service = installation.control, installation.service
    control.clear()
    since = service.store.time.now()
    children = [service.process(installation.folder / f"last-{number}.log") for number in range(processes)]
    for child in children:
        child.start()
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE + 4 * installation.life):
                while await _unsettled(service, since):  # noqa: ASYNC110 - other processes set no event
                    await asyncio.sleep(LOOK)
    finally:
        for child in children:
            await asyncio.to_thread(child.stop, 30)
    return await _unsettled(service, since)


async def _unsettled(service: Service, since: datetime) -> list[str]:
    over = {"state": "reauthorization_required"}
    renewed = {"state": "active", "grant.obtained_at": {"$gt": since}}
    done = {"lease": None, "outbox": [], "$or": [over, renewed]}
    found: list[str] = await service.store.collection.distinct("_id", {"$nor": [done]})
    return found


async def records(installation: Installation) -> dict[str, Record]:
    """What is stored of each grant, by config id."""
    return await installation.service.store.read_many([one.config_id for one in installation.admin.planted])
