"""Mail modules that ask for tokens while refreshers die: waiters and replies are part of what a kill interrupts."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from grantkeeper_client import GrantkeeperError
from tests.integration.refresher.service import Service, ask

AT_A_TIME = 4
PATIENCE = timedelta(seconds=10)
PAUSE = 0.1
"""Seconds between two questions of one module."""


@asynccontextmanager
async def asked_all_along(service: Service, config_ids: Sequence[str], seed: int) -> AsyncIterator[Counter[str]]:
    """Ask for random tokens; yields what the answers were."""
    answers: Counter[str] = Counter()
    async with service.house.asker("mail") as asker:

        async def ask_on(module: int) -> None:
            chance = random.Random(f"{seed}:module {module}")
            while True:
                question = {"config": chance.choice(config_ids)}
                try:
                    await ask(asker, "grantkeeper.token.get.v1", question, deadline=PATIENCE)
                    answers["token"] += 1
                except GrantkeeperError as error:
                    answers[getattr(error, "code", type(error).__name__)] += 1
                await asyncio.sleep(PAUSE)

        modules = [asyncio.create_task(ask_on(module)) for module in range(AT_A_TIME)]
        try:
            yield answers
        finally:
            for module in modules:
                module.cancel()
            await asyncio.gather(*modules, return_exceptions=True)
