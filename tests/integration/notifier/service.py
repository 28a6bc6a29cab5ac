"""The notifier as the tests run it, and the events they send it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient

from grantkeeper.bus.topics import ensure_reply_topic, ensure_topics
from grantkeeper.process.clock import SYSTEM_CLOCK, SYSTEM_IDS, Clock
from grantkeeper.process.failpoints import Failpoints, Hook
from schemas.admin_notifications import NotificationChanged
from schemas.envelope import Message
from schemas.expiry_events import ConfigWentOff, ExpiryRecovered, ExpiryReported
from schemas.principals import PrincipalChanged
from schemas.topics import ADMIN_NOTIFICATIONS, TOPICS
from services.notifier.app import build_app
from services.notifier.settings import NotifierSettings
from tests.integration.house import House, started
from tests.waiting import wait_until

CONFIG_ID = "01900000-0000-7000-8000-000000000001"
START = datetime(2030, 1, 1, 8, tzinfo=UTC)
PUBLIC_URL = "https://tokens.example.org"


class Service:
    """One process of the notifier in the test's loop."""

    def __init__(self, house: House) -> None:
        self.house = house

    async def prepare(self) -> None:
        """Do what config_service does at its start."""
        await ensure_topics(self.house.kafka, list(TOPICS))
        for principal in ("admin", "viewer"):
            await ensure_reply_topic(self.house.kafka, principal)
            change = PrincipalChanged.model_validate(
                {"principal": principal, "role": principal, "version": 1, "sequence": 1}
            )
            await self.house.send(self.house.event(change, "config_service", principal))

    @asynccontextmanager
    async def running(
        self, hook: Hook | None = None, clock: Clock = SYSTEM_CLOCK, channels: Mapping[str, Any] | None = None
    ) -> AsyncIterator[None]:
        settings = NotifierSettings.model_validate(
            {
                "kafka": self.house.kafka,
                "mongo": self.house.mongo,
                "rings": {"auth_file": self.house.ring_file},
                "public_url": PUBLIC_URL,
                "channels": {"wait": 0, **(channels or {})},
                "interval": 0.1,
            }
        )
        async with started(build_app(settings, clock=clock, ids=SYSTEM_IDS, failpoints=Failpoints(hook))):
            yield

    @asynccontextmanager
    async def collection(self) -> AsyncIterator[Any]:
        """A look at what is stored."""
        client: AsyncIOMotorClient[Any] = AsyncIOMotorClient(self.house.mongo.uri.get_secret_value(), tz_aware=True)
        try:
            yield client[self.house.mongo.database]["notifications"]
        finally:
            client.close()

    async def tell(self, *events: Message) -> None:
        """Send events as the refresher, in this order, to one partition."""
        await self.house.send(*(self.house.event(one, "refresher", CONFIG_ID) for one in events), partition=0)

    async def published(self, cause: str) -> list[NotificationChanged | None]:
        """What the topic holds of one cause; None = a tombstone."""
        return [
            None if one.value is None else NotificationChanged.model_validate_json(one.value)
            for one in await self.house.read(ADMIN_NOTIFICATIONS)
            if one.key == cause.encode()
        ]

    async def state(self, cause: str) -> NotificationChanged | None:
        """The state with the highest sequence, as a consumer of the topic knows it."""
        told = [one for one in await self.published(cause) if one is not None]
        return max(told, key=lambda one: one.sequence, default=None)

    async def becomes(self, cause: str, state: str) -> NotificationChanged:
        """Wait until a cause is in a state."""

        async def found() -> NotificationChanged | None:
            one = await self.state(cause)
            return one if one is not None and one.state == state else None

        one = await wait_until(found)
        assert one is not None
        return one

    async def handled(self, marker: int = 9_999) -> None:
        """Wait until everything sent so far was handled: an event sent last has opened its own notification."""
        event = reported(marker, kind="never_authorized")
        await self.tell(event)
        await self.becomes(event.cause, "open")


def reported(sequence: int = 1, **fields: Any) -> ExpiryReported:
    """A report of the refresher."""
    kind = fields.pop("kind", "expired_refresh_token")
    values: dict[str, Any] = {
        "cause": f"{CONFIG_ID}:{kind}",
        "kind": kind,
        "config_id": CONFIG_ID,
        "name": "Support mailbox",
        "cure_id": "log_in_again",
        "cure": "Request a new token.",
        "at": START + timedelta(seconds=sequence),
        "sequence": sequence,
    }
    return ExpiryReported(**values | fields)


def recovered(sequence: int, *causes: str) -> ExpiryRecovered:
    """The cause is gone."""
    return ExpiryRecovered(
        causes=causes, config_id=CONFIG_ID, at=START + timedelta(seconds=sequence), sequence=sequence
    )


def went_off(sequence: int) -> ConfigWentOff:
    """The config was set invalid."""
    at = START + timedelta(seconds=sequence)
    return ConfigWentOff(config_id=CONFIG_ID, why="config_off", at=at, sequence=sequence)
