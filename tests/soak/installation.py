"""Real servers, the local provider as a process, and grants with short lives in two of its realms."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
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
from tests.waiting import wait_until

REALMS = ("strict", "microsoft")
SHORTEST_LIFE = 20.0
PER_SECOND = 25.0
"""Refreshes that all grants together call for: a small machine starts and kills processes besides."""
ANSWER_AFTER = 0.1
"""Seconds that the provider takes for each answer, so that a kill finds open requests."""


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


async def settle(installation: Installation, processes: int) -> None:
    """Let refreshers run undisturbed until each grant has been renewed once more, or is told to be over; end them."""
    control, service = installation.control, installation.service
    control.clear()
    since = service.store.time.now()
    children = [service.process(installation.folder / f"last-{number}.log") for number in range(processes)]
    for child in children:
        child.start()
    try:
        await wait_until(lambda: _settled(service, since), 120 + 4 * installation.life)
    finally:
        for child in children:
            await asyncio.to_thread(child.stop, 30)


async def _settled(service: Service, since: datetime) -> bool:
    await asyncio.sleep(0.5)  # the whole collection is read each time
    over = {"state": "reauthorization_required"}
    renewed = {"state": "active", "grant.obtained_at": {"$gt": since}}
    done = {"lease": None, "outbox": [], "$or": [over, renewed]}
    return await service.store.collection.count_documents({"$nor": [done]}) == 0


async def records(installation: Installation) -> dict[str, Record]:
    """What is stored of each grant, by config id."""
    return await installation.service.store.read_many([one.config_id for one in installation.admin.planted])
