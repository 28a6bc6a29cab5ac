"""Services are killed while commands and requests flow: every answer comes, every effect is there, and once."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import uuid_utils

from devstack import demo
from devstack.processes import answers_ok
from devstack.provider.control_client import ProviderControl
from grantkeeper_client import Asker, Grantkeeper, load_credential
from tests.e2e.running_stack import RunningStack, running_stack
from tests.waiting import wait_until

SERVICES = ("config_service", "refresher", "notifier")
AT_A_TIME = 2
PAGE = 200
PATIENCE = timedelta(seconds=120)  # a service that dies often is started again after a growing pause
pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("kills")) as running:
        yield running


def pid_of(stack: RunningStack, service: str) -> int:
    written = json.loads((stack.layout.data / "processes.json").read_text())
    return next(int(one["pid"]) for one in written if one["name"] == service)


async def kill(stack: RunningStack, service: str) -> None:
    """As the kernel does when memory is short; return when it serves again."""
    dead = pid_of(stack, service)
    os.kill(dead, signal.SIGKILL)
    ready = f"{stack.layout.url(f'{service} health')}/readyz"

    def is_back() -> bool:
        return pid_of(stack, service) != dead and answers_ok(ready)

    await wait_until(lambda: asyncio.to_thread(is_back), 60)


async def test_kills_lose_no_command_and_repeat_no_effect(stack: RunningStack) -> None:
    layout = stack.layout
    credential = load_credential(layout.credential("admin"))
    async with Asker(credential) as admin, Grantkeeper(load_credential(layout.credential("mail"))) as mail:
        control = ProviderControl(layout.url("provider"))
        stage = demo.Stage(layout, admin, credential, mail, control, str(uuid_utils.uuid7()), "Served")
        await demo.add(stage)
        await demo.authorize(stage)
        calls = len(await asyncio.to_thread(control.journal))
        made: set[str] = set()
        over = asyncio.Event()

        async def work(worker: int) -> None:
            """Go on as long as services are killed, and a little longer."""
            last = False
            while not last:
                last = over.is_set()
                name = f"Made {worker} {len(made)}"
                made.add(name)
                assert (await create(admin, name))["revision"] == 1
                assert (await get(admin, stage.config_id))["generation"] == 1

        flow = asyncio.gather(*(work(number) for number in range(AT_A_TIME)))
        for service in SERVICES:
            await kill(stack, service)
        over.set()
        await flow
        assert len(made) > len(SERVICES) * AT_A_TIME
        await wait_until(lambda: all_listed(admin, {"Served", *made}), 60)
        assert len(await asyncio.to_thread(control.journal)) == calls, "nobody refreshed what was still good"


async def create(admin: Asker, name: str) -> Any:
    fields = {"name": name, "client_id": "x"}
    data = {"config_id": str(uuid_utils.uuid7()), "template": "local-provider", "fields": fields}
    return await admin.ask("config.commands", "grantkeeper.config.create.v1", data, deadline=PATIENCE)


async def get(admin: Asker, config: str) -> Any:
    return await admin.ask("token.requests", "grantkeeper.token.get.v1", {"config": config}, deadline=PATIENCE)


async def all_listed(admin: Asker, expected: set[str]) -> bool:
    """Whether the overview shows these, each once."""
    rows: list[str] = []
    while True:
        data = {"limit": PAGE, "offset": len(rows)}
        page = await admin.ask("token.requests", "grantkeeper.token.list.v1", data, deadline=PATIENCE)
        rows += [str(row["name"]) for row in page["rows"]]
        if len(page["rows"]) < PAGE:
            return sorted(rows) == sorted(expected)
