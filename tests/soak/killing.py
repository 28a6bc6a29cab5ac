"""Lets refreshers live and die as planned, and notes each kill."""

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path

from devstack.child import Child
from devstack.provider.control_client import ProviderControl
from devstack.provider.faults import Fault
from tests.integration.refresher.service import Service
from tests.soak.noted import Kill
from tests.soak.plan import Life, lives

LOOK = 0.02
"""Seconds between two looks whether a process has killed itself."""


class Killing:
    """Any number of processes that die one after another until enough of them have."""

    def __init__(
        self,
        service: Service,
        control: ProviderControl,
        folder: Path,
        *,
        seed: int,
        kills: int,
        tell: Callable[[str], None],
    ) -> None:
        self._service = service
        self._control = control
        self._folder = folder
        self._seed = seed
        self._wanted = kills
        self._begun = 0
        self._tell = tell
        self.kills: list[Kill] = []
        self.broken: list[str] = []
        """Processes that ended by themselves: each is a defect."""

    async def run(self, processes: int) -> None:
        """Kill until it is enough; nothing runs at the end."""
        async with asyncio.TaskGroup() as group:
            for process in range(processes):
                group.create_task(self._die_again_and_again(process))

    async def _die_again_and_again(self, process: int) -> None:
        for life in lives(self._seed, process):
            if self._begun == self._wanted or self.broken:
                return
            self._begun += 1
            await self._live(life)

    async def _live(self, life: Life) -> None:
        if life.fault is not None:
            await asyncio.to_thread(self._control.fail, Fault.model_validate(life.fault))
        log, proxy = self._folder / f"refresher-{life.process}.log", self._service.provider_as_proxy(life.name)
        child = self._service.process(log, life.failpoint, GRANTKEEPER_OAUTH2__PROXY=proxy)
        child.start()
        try:
            await self._until_dead(child, life)
        finally:
            await asyncio.to_thread(child.kill)

    async def _until_dead(self, child: Child, life: Life) -> None:
        end = time.monotonic() + life.seconds
        after = looked = time.time()
        while child.exit_code is None:
            after = looked
            if time.monotonic() >= end:
                child.signal(signal.SIGKILL)
                self._note(Kill(life, after, time.time(), at_point=False))
                return
            await asyncio.sleep(LOOK)
            looked = time.time()
        if child.exit_code == -signal.SIGKILL:
            self._note(Kill(life, after, time.time(), at_point=True))
        else:
            self.broken.append(f"process {life.process} ended with {child.exit_code}: {child.last_line()}")

    def _note(self, kill: Kill) -> None:
        self.kills.append(kill)
        if len(self.kills) % 50 == 0:
            self._tell(f"{len(self.kills)} kills")
