"""The console as a process: there before the bus is, gone soon after it is told, and fed by the real topics."""

import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from httpx import AsyncClient, ConnectError
from pydantic import SecretStr

from devstack.child import Child
from devstack.ports import free_ports
from grantkeeper.bus.topics import ensure_topics
from grantkeeper.crypto.credentials import mint
from grantkeeper.crypto.ring import AuthRing, VaultRing
from grantkeeper_client import dump_credential
from schemas.topics import ADMIN_NOTIFICATIONS, TOKEN_EVENTS
from services.console.users import add
from tests.console_samples import notifications
from tests.integration.house import House, house
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.servers import KafkaServer

PASSWORD = "correct horse battery"
FEED_TOKEN = "f" * 40


class Running:
    """One console process and a browser before it."""

    def __init__(self, folder: Path, bootstrap_servers: str, prefix: str) -> None:
        self.port, health = free_ports(2)
        self.url = f"http://127.0.0.1:{self.port}"
        self.health = f"http://127.0.0.1:{health}"
        add(folder / "users", "anna", "admin", SecretStr(PASSWORD))
        credential = folder / "console.json"
        credential.write_text(
            dump_credential(mint(AuthRing.new("r1"), VaultRing.new("r1"), "console", 1, bootstrap_servers, prefix))
        )
        credential.chmod(0o600)
        self.environment = {
            "PATH": os.environ["PATH"],
            "GRANTKEEPER_PUBLIC_URL": self.url,
            "GRANTKEEPER_WEB__PORT": str(self.port),
            "GRANTKEEPER_HEALTH__PORT": str(health),
            "GRANTKEEPER_KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
            "GRANTKEEPER_KAFKA__PREFIX": prefix,
            "GRANTKEEPER_CREDENTIAL_FILE": str(credential),
            "GRANTKEEPER_USERS_FILE": str(folder / "users"),
            "GRANTKEEPER_SESSION_KEY": "k" * 48,
            "GRANTKEEPER_FEED_TOKEN": FEED_TOKEN,
        }
        self.log = folder / "console.log"
        self.browser = AsyncClient(base_url=self.url, headers={"sec-fetch-site": "same-origin"}, trust_env=False)

    def child(self, environment: Mapping[str, str] | None = None) -> Child:
        command = [sys.executable, "-m", "services.console"]
        return Child("console", command, log=self.log, environment=environment or self.environment)

    async def answers(self, path: str, status: int) -> bool:
        """Whether a page is there with this status."""
        try:
            return (await self.browser.get(path)).status_code == status
        except ConnectError:
            return False

    async def log_in(self) -> None:
        answer = await self.browser.post("/login", data={"name": "anna", "password": PASSWORD})
        assert answer.status_code == 303, answer.text


@pytest.fixture
async def without_kafka(tmp_path: Path) -> AsyncIterator[Running]:
    """A console whose Kafka is away."""
    running = Running(tmp_path, f"127.0.0.1:{free_ports(1)[0]}", "t.")
    child = running.child()
    child.start()
    try:
        await wait_until(lambda: running.answers("/healthz", 200))
        yield running
    finally:
        child.kill()
        await running.browser.aclose()


async def test_pages_are_served_and_say_so_while_kafka_is_away(without_kafka: Running) -> None:
    browser = without_kafka.browser
    ready = await browser.get("/readyz")
    assert ready.status_code == 503
    assert ready.json() == {"ready": False, "waiting_for": ["bus", "changes", "notifications"]}
    await without_kafka.log_in()
    tokens = await browser.get("/tokens")
    assert tokens.status_code == 503
    assert "No service answers at the moment" in tokens.text
    feed = await browser.get("/notifications.json", headers={"authorization": f"Bearer {FEED_TOKEN}"})
    assert feed.status_code == 503


async def test_it_ends_soon_with_a_stream_open(tmp_path: Path) -> None:
    running = Running(tmp_path, f"127.0.0.1:{free_ports(1)[0]}", "t.")
    child = running.child()
    child.start()
    await wait_until(lambda: running.answers("/healthz", 200))
    await running.log_in()
    async with running.browser.stream("GET", "/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        child.signal(signal.SIGTERM)
        async for _ in stream.aiter_bytes():
            pass
    await wait_until(lambda: not child.running, deadline=20)
    assert child.exit_code == 0, running.log.read_text()
    await running.browser.aclose()


async def test_neither_log_nor_metrics_hold_a_code_or_a_password(without_kafka: Running) -> None:
    browser = without_kafka.browser
    await browser.post("/login", data={"name": "anna", "password": "canary-wrong-password"})
    await browser.get("/oauth2/callback/google-mail?code=canary-code&state=canary-state")
    await without_kafka.log_in()
    await browser.post("/tokens", data={"name": "n", "client_secret": "canary-secret", "template": "x"})
    async with AsyncClient(trust_env=False) as operator:
        metrics = (await operator.get(f"{without_kafka.health}/metrics")).text
    assert 'route="/oauth2/callback/{slug}"' in metrics
    assert "canary" not in metrics
    assert "canary" not in without_kafka.log.read_text()
    assert PASSWORD not in without_kafka.log.read_text()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GRANTKEEPER_CREDENTIAL_FILE", "/nowhere.json", "GRANTKEEPER_CREDENTIAL_FILE"),
        ("GRANTKEEPER_KAFKA__PREFIX", "other.", "set GRANTKEEPER_KAFKA__PREFIX to the same"),
        ("GRANTKEEPER_PUBLIC_URL", "http://keeper.example.test", "must be https"),
        ("GRANTKEEPER_SESSION_KEY", "short", "session_key is shorter"),
    ],
)
async def test_a_wrong_setting_ends_it_with_one_line(tmp_path: Path, name: str, value: str, said: str) -> None:
    running = Running(tmp_path, "127.0.0.1:1", "t.")
    child = running.child({**running.environment, name: value})
    child.start()
    await wait_until(lambda: not child.running)
    assert child.exit_code == 78
    lines = running.log.read_text().splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    await running.browser.aclose()


@pytest.fixture
async def installation(kafka: "KafkaServer", prefix: str, tmp_path: Path) -> AsyncIterator[House]:
    """A real Kafka with the topics that the console reads; no service runs."""
    async with house(kafka.bootstrap_servers, prefix, "mongodb://127.0.0.1:1", "none", tmp_path) as made:
        await ensure_topics(made.kafka, (ADMIN_NOTIFICATIONS, TOKEN_EVENTS))
        yield made


async def test_notifications_reach_pages_from_their_topic(installation: House, tmp_path: Path) -> None:
    running = Running(tmp_path, installation.bootstrap_servers, installation.prefix)
    child = running.child()
    child.start()
    try:
        authorized = {"authorization": f"Bearer {FEED_TOKEN}"}
        first = notifications()[0]
        await installation.send(installation.event(first, "notifier", first.cause))

        async def feed() -> list[str]:
            answer = await running.browser.get("/notifications.json", headers=authorized)
            return [one["name"] for one in answer.json().get("notifications", [])]

        await wait_until(lambda: running.answers("/healthz", 200))
        assert await wait_until(feed, deadline=30) == ["Orders"]
        await running.log_in()
        async with running.browser.stream("GET", "/events") as stream:
            solved = first.model_copy(update={"sequence": 2, "state": "resolved"})
            await installation.send(installation.event(solved, "notifier", first.cause))
            async for line in stream.aiter_lines():
                if line.startswith("event:"):
                    assert line == "event: gk-notifications"
                    break

        async def is_solved() -> bool:
            return await feed() == []

        await wait_until(is_solved)
    finally:
        child.kill()
        await running.browser.aclose()
