"""The console's place on the bus: one asker, connected whenever Kafka can be reached.

Pages are served before and while there is no connection, and say so; nothing here is needed to start the web server.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from grantkeeper.process.clock import Clock
from grantkeeper.process.logging import get_logger
from grantkeeper_client import Asker, GrantkeeperError, NoReply
from services.console.asking import Ask

RETRY_PAUSE: Final = 2.0
"""Seconds between two tries to connect."""

log = get_logger(__name__)


class Connection:
    """An asker that connects in the background and tries again; a part of the process."""

    def __init__(self, make_asker: Callable[[], Asker], clock: Clock) -> None:
        self._make_asker = make_asker
        self._clock = clock
        self._asker: Asker | None = None
        self._task: asyncio.Task[None] | None = None
        self._problem = "the bus is not connected yet"

    async def start(self) -> None:
        """Begin to connect; returns at once."""
        self._task = asyncio.create_task(self._connect(), name="connect to the bus")

    async def stop(self) -> None:
        """Stop connecting, or end the connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._asker is not None:
            await self._asker.stop()

    def problems(self) -> list[str]:
        """Say whether questions can be asked."""
        return [] if self._asker is not None else [self._problem]

    @property
    def ask(self) -> Ask:
        """Return the asker's way to ask; raises NoReply at once while there is no connection."""
        if self._asker is None:
            raise NoReply(self._problem)
        return self._asker.ask

    async def _connect(self) -> None:
        while self._asker is None:
            asker = self._make_asker()
            try:
                await asker.start()
                self._asker = asker
            except GrantkeeperError as error:
                self._problem = str(error)
                log.warning("cannot connect to the bus, will be tried again", problem=str(error), pause=RETRY_PAUSE)
                await self._clock.sleep(RETRY_PAUSE)
        log.info("connected to the bus")
