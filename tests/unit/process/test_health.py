"""What an operator is told over HTTP."""

import json
import urllib.error
import urllib.request
from asyncio import to_thread
from collections.abc import AsyncIterator

import pytest

from grantkeeper.process.health import HealthServer
from grantkeeper.process.metrics import METRIC_NAMES, Metrics
from grantkeeper.process.settings import HealthSettings

PROBLEMS: list[str] = []


@pytest.fixture
async def server() -> AsyncIterator[HealthServer]:
    PROBLEMS.clear()
    one = HealthServer(HealthSettings(), Metrics("test"), {"consumers": lambda: PROBLEMS})
    await one.start()
    yield one
    await one.stop()


async def ask(server: HealthServer, path: str, method: str = "GET") -> tuple[int, str]:
    def fetch() -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return await to_thread(fetch)


async def test_alive_is_not_ready(server: HealthServer) -> None:
    PROBLEMS.append("config.commands: no partitions assigned yet")
    assert (await ask(server, "/healthz"))[0] == 200
    status, body = await ask(server, "/readyz")
    assert status == 503
    assert json.loads(body) == {"ready": False, "problems": {"consumers": PROBLEMS}}
    PROBLEMS.clear()
    assert (await ask(server, "/readyz"))[0] == 200


async def test_every_metric_is_there_from_the_start(server: HealthServer) -> None:
    status, body = await ask(server, "/metrics")
    assert status == 200
    for name in METRIC_NAMES:
        assert f"# HELP grantkeeper_{name}" in body
    assert "grantkeeper_process_ready 1.0" in body


async def test_the_contract_of_the_bus_is_served(server: HealthServer) -> None:
    status, body = await ask(server, "/contract")
    assert status == 200
    assert json.loads(body)["asyncapi"] == "3.0.0"


async def test_nothing_else_is_served(server: HealthServer) -> None:
    assert (await ask(server, "/"))[0] == 404
    assert (await ask(server, "/readyz", "POST"))[0] == 405


async def test_a_taken_port_is_an_error_at_start(server: HealthServer) -> None:
    other = HealthServer(HealthSettings(port=server.port), Metrics("test"), {})
    with pytest.raises(OSError, match="Address already in use"):
        await other.start()
