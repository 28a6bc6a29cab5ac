"""What people are told elsewhere: after storing, once where all goes well, digested where many share a cause."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import uvicorn

from grantkeeper.process.metrics import Metrics
from grantkeeper.process.settings import SettingsError
from services.notifier.channels import open_channels
from tests.integration.house import LaterClock
from tests.integration.notifier.service import CONFIG_ID, Service, recovered, reported
from tests.waiting import wait_until

# A plugin of Apprise that nobody uses here imports it where it exists.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
CAUSE = f"{CONFIG_ID}:expired_refresh_token"


@dataclass
class Receiver:
    """A web hook, as a chat has one: keeps what it was told, and fails when it is told to."""

    told: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    refused: int = 0
    failing: bool = False
    held: asyncio.Event | None = None
    port: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        self.asked += 1
        if self.held is not None:
            await self.held.wait()
        if self.failing:
            self.refused += 1
        else:
            self.told.append(json.loads(body))
        status = 500 if self.failing else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    @property
    def titles(self) -> list[str]:
        return [one["title"] for one in self.told]

    @property
    def url(self) -> str:
        return f"json://user:canary-pass@127.0.0.1:{self.port}/hook"


@asynccontextmanager
async def listening() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = uvicorn.Server(uvicorn.Config(receiver, port=0, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve())
    await wait_until(lambda: server.started)
    receiver.port = server.servers[0].sockets[0].getsockname()[1]
    yield receiver
    server.should_exit = True
    await serving


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with listening() as one:
        yield one


async def test_an_opening_and_its_end_are_told_once_each(idle: Service, receiver: Receiver) -> None:
    async with idle.running(channels={"urls": receiver.url}):
        await idle.tell(reported(1, text="invalid_grant"))
        await wait_until(lambda: receiver.told)
        await wait_until(lambda: _all_told(idle))
        await idle.tell(recovered(2, CAUSE))
        await wait_until(lambda: len(receiver.told) == 2)
        await wait_until(lambda: _all_told(idle))
    async with idle.running(channels={"urls": receiver.url}):
        await idle.handled()
        await wait_until(lambda: len(receiver.told) == 3)
    assert receiver.titles == [
        "Support mailbox: the login has ended, a new one is needed",
        "Solved: Support mailbox: the login has ended, a new one is needed",
        "Support mailbox: waits for its first login",
    ]
    assert "invalid_grant" in receiver.told[0]["message"]


async def test_what_ends_while_it_is_told_is_told_to_be_solved(idle: Service, receiver: Receiver) -> None:
    receiver.held = asyncio.Event()
    async with idle.running(channels={"urls": receiver.url}):
        await idle.tell(reported(1))
        await wait_until(lambda: receiver.asked)
        await idle.tell(recovered(2, CAUSE))
        await idle.becomes(CAUSE, "resolved")
        receiver.held.set()
        await wait_until(lambda: len(receiver.told) == 2)
        await wait_until(lambda: _all_told(idle))
    assert receiver.titles[1].startswith("Solved: ")


async def test_what_ends_while_another_is_told_is_never_told(idle: Service, receiver: Receiver) -> None:
    receiver.held = asyncio.Event()
    other = f"{CONFIG_ID}:wrong_account"
    async with idle.running(channels={"urls": receiver.url, "wait": 2}):
        await idle.tell(reported(1), reported(2, kind="wrong_account", cause=other))
        await wait_until(lambda: receiver.asked)
        await idle.tell(recovered(3, CAUSE), recovered(4, other))
        await idle.becomes(CAUSE, "resolved")
        await idle.becomes(other, "resolved")
        receiver.held.set()
        await wait_until(lambda: len(receiver.told) == 2)
        await wait_until(lambda: _all_told(idle))
    assert len({title.removeprefix("Solved: ") for title in receiver.titles}) == 1


async def test_many_of_one_cause_are_one_digest(idle: Service, receiver: Receiver) -> None:
    events = [
        reported(1, cause=f"{_id(number)}:expired_refresh_token", config_id=_id(number), name=f"Mailbox {number}")
        for number in range(6)
    ]
    await idle.tell(*events)
    async with idle.running(channels={"urls": receiver.url, "wait": 2, "digest_from": 3}):
        await wait_until(lambda: receiver.told)
        await wait_until(lambda: _all_told(idle))
    assert receiver.titles == ["6 tokens: the login has ended, a new one is needed"]
    assert "- Mailbox 5" in receiver.told[0]["message"]


async def test_a_channel_that_fails_is_tried_again_and_the_others_are_not_told_twice(
    idle: Service, receiver: Receiver
) -> None:
    async with listening() as broken:
        broken.failing = True
        urls = f"{receiver.url}\n{broken.url}"
        async with idle.running(channels={"urls": urls}):
            await idle.tell(reported(1))
            await wait_until(lambda: receiver.told and broken.refused)
            await wait_until(lambda: _tries(idle))
        broken.failing = False
        async with idle.running(channels={"urls": urls}, clock=LaterClock(timedelta(minutes=5))):
            await wait_until(lambda: broken.told)
            await wait_until(lambda: _all_told(idle))
    assert (len(receiver.told), len(broken.told)) == (1, 1)


async def test_what_was_claimed_by_a_process_that_died_is_told_by_another(idle: Service, receiver: Receiver) -> None:
    await idle.tell(reported(1))
    async with idle.running(channels={"urls": receiver.url, "wait": 3600}):
        await idle.becomes(CAUSE, "open")
    async with idle.collection() as notifications:
        lease = (await notifications.find_one({"_id": CAUSE}))["tell_at"] + timedelta(seconds=60)
        await notifications.update_one({"_id": CAUSE}, {"$set": {"tell_token": "dead", "tell_at": lease}})
    async with idle.running(channels={"urls": receiver.url}, clock=LaterClock(timedelta(hours=2))):
        await wait_until(lambda: receiver.told)
        await wait_until(lambda: _all_told(idle))
    assert len(receiver.told) == 1


async def test_a_reminder_is_told_after_a_day(idle: Service, receiver: Receiver) -> None:
    now = LaterClock(timedelta()).now()
    await idle.tell(reported(1, at=now))
    async with idle.running(channels={"urls": receiver.url}):
        await wait_until(lambda: receiver.told)
        await wait_until(lambda: _all_told(idle))
    async with idle.running(channels={"urls": receiver.url}, clock=LaterClock(timedelta(days=1, minutes=1))):
        one = await idle.becomes(CAUSE, "reminded")
        await wait_until(lambda: len(receiver.told) == 2)
    assert one.reminders == 1
    assert receiver.titles[1].startswith("Reminder: ")


async def test_a_resolved_notification_is_forgotten_by_a_tombstone_after_thirty_days(idle: Service) -> None:
    now = LaterClock(timedelta()).now()
    await idle.tell(reported(1, at=now), recovered(2, CAUSE).model_copy(update={"at": now}))
    async with idle.running():
        await idle.becomes(CAUSE, "resolved")
    async with idle.running(clock=LaterClock(timedelta(days=30, minutes=1))), idle.collection() as notifications:
        await wait_until(lambda: _is_gone(notifications))
    assert (await idle.published(CAUSE))[-1] is None


def test_a_url_that_apprise_does_not_know_is_named_by_its_place_and_never_shown() -> None:
    with pytest.raises(SettingsError, match="URL 2 is none") as caught:
        open_channels("json://127.0.0.1/ nonsense://canary-pass@host", Metrics("notifier"))
    assert "canary-pass" not in str(caught.value)


async def test_a_failing_channel_does_not_put_its_url_into_the_log(
    receiver: Receiver, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    from services.notifier.messages import Notice

    receiver.failing = True
    (channel,) = open_channels(receiver.url, Metrics("notifier"))
    assert await channel.send(Notice("title", "body")) is False
    written = "".join(capsys.readouterr()) + caplog.text + repr(channel)
    assert "canary-pass" not in written
    assert "json-1" in written


def _id(number: int) -> str:
    return f"01900000-0000-7000-8000-00000000010{number}"


async def _all_told(idle: Service) -> bool:
    async with idle.collection() as notifications:
        return bool(await notifications.count_documents({"pending": {"$ne": None}}) == 0)


async def _tries(idle: Service) -> bool:
    async with idle.collection() as notifications:
        return bool(await notifications.count_documents({"tell_tries": 1}) == 1)


async def _is_gone(notifications: Any) -> bool:
    return bool(await notifications.count_documents({}) == 0)


async def test_two_processes_tell_each_notification_once(idle: Service, receiver: Receiver) -> None:
    kinds = ("expired_refresh_token", "config_fault", "lost_rotation", "wrong_account", "testing_mode_app")
    channels = {"urls": receiver.url}
    async with idle.running(channels=channels), idle.running(channels=channels):
        await idle.tell(*(reported(number, kind=kind) for number, kind in enumerate(kinds, start=1)))
        await idle.handled()
        await wait_until(lambda: len(receiver.told) > len(kinds))
        await wait_until(lambda: _all_told(idle))
    assert sorted(receiver.titles) == sorted(set(receiver.titles))
    assert len(receiver.told) == len(kinds) + 1
