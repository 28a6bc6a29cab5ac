"""What a test of one service needs around it: rings, a way to send anything, a way to read any topic, running parts."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from typing_extensions import override

from grantkeeper.crypto.credentials import mint
from grantkeeper.crypto.ring import AuthRing, VaultRing
from grantkeeper.process.clock import SYSTEM_CLOCK, SYSTEM_IDS, SystemClock
from grantkeeper.process.run import Part
from grantkeeper.process.settings import KafkaSettings, MongoSettings
from grantkeeper_client import Asker, Envelope, decode, encode, sign
from schemas.envelope import Message
from tests.waiting import wait_until


class LaterClock(SystemClock):
    """The clock of the machine, some time later."""

    def __init__(self, later: timedelta) -> None:
        self._later = later

    @override
    def now(self) -> datetime:
        return super().now() + self._later


@dataclass
class House:
    """One installation on the test's own prefix and database."""

    bootstrap_servers: str
    prefix: str
    mongo: MongoSettings
    folder: Path
    producer: AIOKafkaProducer
    ring: AuthRing = field(default_factory=lambda: AuthRing.new("r1"))
    vault: VaultRing = field(default_factory=lambda: VaultRing.new("r1"))

    def __post_init__(self) -> None:
        self.ring_file = self.folder / "auth.ring.json"
        self.ring_file.write_text(self.ring.to_json())
        self.ring_file.chmod(0o600)

    @property
    def kafka(self) -> KafkaSettings:
        return KafkaSettings(
            bootstrap_servers=self.bootstrap_servers, prefix=self.prefix, partitions=3, session_timeout=2.0
        )

    def asker(self, principal: str = "admin", version: int = 1) -> Asker:
        """The client library of a principal."""
        return Asker(mint(self.ring, self.vault, principal, version, self.bootstrap_servers, self.prefix))

    def command(self, message: Message, principal: str = "admin", **changed: Any) -> Envelope:
        """A signed command; `changed` attributes go in before the signature."""
        now = SYSTEM_CLOCK.now()
        envelope = Envelope(
            topic=self.prefix + message.TOPIC,
            key=b"k",
            id=SYSTEM_IDS.uuid7(),
            type=message.TYPE,
            source=f"/principals/{principal}",
            time=now,
            expirytime=now + timedelta(seconds=30),
            value=message.model_dump_json(exclude_none=True).encode(),
            correlation_id=SYSTEM_IDS.uuid7(),
        )
        return sign(replace(envelope, **changed), self.ring.principal_key(principal, 1))

    def event(self, message: Message, service: str, key: str, **changed: Any) -> Envelope:
        """A signed event of a service; `changed` attributes go in before the signature."""
        envelope = Envelope(
            topic=self.prefix + message.TOPIC,
            key=key.encode(),
            id=SYSTEM_IDS.uuid7(),
            type=message.TYPE,
            source=f"/services/{service}",
            time=SYSTEM_CLOCK.now(),
            value=message.model_dump_json().encode(),
        )
        return sign(replace(envelope, **changed), self.ring.service_key(service))

    async def send(self, *envelopes: Envelope, partition: int | None = None) -> list[tuple[int, int]]:
        """Put envelopes on the bus as they are; return partition and offset of each."""
        places = []
        for one in envelopes:
            record = await self.producer.send_and_wait(
                one.topic, one.value, key=one.key, headers=encode(one), partition=partition
            )
            places.append((record.partition, record.offset))
        return places

    async def read(self, topic: str) -> list[Envelope]:
        """Everything on a logical topic, now, in the order of each partition."""
        name = self.prefix + topic
        found: list[Envelope] = []
        servers = self.bootstrap_servers
        async with AIOKafkaConsumer(name, bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:
            ends = await consumer.end_offsets(list(consumer.assignment()))
            while any([await consumer.position(one) < end for one, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found += [decode(one.topic, one.key, one.value, one.headers) for one in records]
        return found

    async def replies(self, principal: str = "admin") -> dict[str, list[bytes]]:
        """What a principal was answered, by correlation id."""
        answers: dict[str, list[bytes]] = {}
        for one in await self.read(f"replies.{principal}"):
            answers.setdefault(one.correlation_id or "", []).append(one.value or b"")
        return answers

    async def answers_to(self, command: Envelope, count: int = 1, principal: str = "admin") -> list[Any]:
        """Wait for so many replies to a command, and return them parsed."""

        async def answered() -> list[bytes]:
            found = (await self.replies(principal)).get(command.correlation_id or "", [])
            return found if len(found) >= count else []

        return [json.loads(one) for one in await wait_until(answered)]


@asynccontextmanager
async def house(bootstrap_servers: str, prefix: str, uri: str, database: str, folder: Path) -> AsyncIterator[House]:
    """An installation with nothing running in it yet."""
    mongo = MongoSettings.model_validate({"uri": uri, "database": database})
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all") as producer:
        yield House(bootstrap_servers, prefix, mongo, folder, producer)


@asynccontextmanager
async def started(parts: Sequence[Part]) -> AsyncIterator[None]:
    """The parts of a process, running in this loop until the block ends."""
    async with AsyncExitStack() as stack:
        for part in parts:
            stack.push_async_callback(part.stop)
            await part.start()
        yield
