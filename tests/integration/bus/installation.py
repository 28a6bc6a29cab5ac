"""One installation on the test's own prefix: ring, topics, publisher, directory, gates, and a sender of anything."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from grantkeeper.bus.broker import Broker, Subscription
from grantkeeper.bus.consume import command, stream
from grantkeeper.bus.dead_letter import DeadLetters
from grantkeeper.bus.gate import Gate, principal_gate, service_gate
from grantkeeper.bus.principals import PrincipalDirectory
from grantkeeper.bus.publish import Publisher
from grantkeeper.bus.received import Place, Received, ReceivedEvent
from grantkeeper.bus.reply import Replier
from grantkeeper.bus.topics import ensure_reply_topic, ensure_topics
from grantkeeper.crypto.credentials import mint
from grantkeeper.crypto.ring import AuthRing, VaultRing
from grantkeeper.process.clock import SYSTEM_CLOCK, SYSTEM_IDS
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.settings import KafkaSettings
from grantkeeper_client import Credential, Envelope, decode, encode, sign
from schemas.config_commands import ConfigGet
from schemas.config_events import ConfigChanged
from schemas.dead_letters import DeadLetter
from schemas.envelope import Message
from schemas.principals import PrincipalChanged, Role
from schemas.token_config import TokenConfig
from schemas.token_requests import TokenStatusGet
from schemas.topics import CONFIG_COMMANDS, DEAD_LETTERS, TOKEN_REQUESTS, TOPICS, reply_topic
from tests.waiting import wait_until

CONFIG_ID = "0199f7a0-0000-7000-8000-000000000001"


@dataclass
class Installation:
    """What the tests of the bus act on."""

    settings: KafkaSettings
    publisher: Publisher
    directory: PrincipalDirectory
    producer: AIOKafkaProducer | None
    ring: AuthRing
    vault: VaultRing = field(default_factory=lambda: VaultRing.new("r1"))
    metrics: Metrics = field(default_factory=lambda: Metrics("test"))

    def __post_init__(self) -> None:
        tools: dict[str, Any] = {"clock": SYSTEM_CLOCK, "ids": SYSTEM_IDS, "metrics": self.metrics}
        self.replier = Replier(self.publisher, self.ring, **tools)
        self.dead_letters = DeadLetters(self.publisher, **tools)

    def broker(self, settings: KafkaSettings | None = None) -> Broker:
        """One more process."""
        return Broker(
            settings or self.settings, service="refresher", clock=SYSTEM_CLOCK, ids=SYSTEM_IDS, metrics=self.metrics
        )

    def gate(self, topic: str, **more: Any) -> Gate[Received]:
        return principal_gate(
            topic,
            ring=self.ring,
            directory=self.directory,
            dead_letters=self.dead_letters,
            replier=self.replier,
            clock=SYSTEM_CLOCK,
            **more,
        )

    def service_gate(self, topic: str) -> Gate[ReceivedEvent]:
        return service_gate(topic, ring=self.ring, dead_letters=self.dead_letters, clock=SYSTEM_CLOCK)

    def credential(self, principal: str, version: int = 1) -> Credential:
        servers, prefix = self.settings.bootstrap_servers, self.settings.prefix
        return mint(self.ring, self.vault, principal, version, servers, prefix)

    async def register(self, principal: str, role: Role = "admin", **more: Any) -> None:
        """Announce a principal as config_service does, with its reply topic."""
        await ensure_reply_topic(self.settings, principal)
        change = PrincipalChanged(principal=principal, role=role, **{"version": 1, "sequence": 1, **more})
        event = self.publisher.event(change, id=SYSTEM_IDS.uuid7(), time=SYSTEM_CLOCK.now(), key=principal)
        await self.publisher.publish_many([event])

    async def registered(self, principal: str, role: Role = "admin", **more: Any) -> None:
        """Register, and wait until this installation's directory knows the very state."""
        await self.register(principal, role, **more)
        version, disabled = more.get("version", 1), more.get("disabled", False)
        await wait_until(
            lambda: (
                (known := self.directory.get(principal))
                and (known.version, known.disabled, known.role) == (version, disabled, role)
            )
        )

    def question(self, message: Message, principal: str = "admin", version: int = 1, **changed: Any) -> Envelope:
        """A signed command or request; `changed` attributes go in before the signature."""
        now = SYSTEM_CLOCK.now()
        envelope = Envelope(
            topic=self.settings.topic(message.TOPIC),
            key=b"k",
            id=SYSTEM_IDS.uuid7(),
            type=message.TYPE,
            source=f"/principals/{principal}",
            time=now,
            expirytime=now + timedelta(seconds=30),
            value=message.model_dump_json(exclude_none=True).encode(),
            correlation_id=SYSTEM_IDS.uuid7(),
        )
        return sign(replace(envelope, **changed), self.ring.principal_key(principal, version))

    async def send(self, *envelopes: Envelope, partition: int | None = None) -> list[Place]:
        """Put envelopes on the bus as they are."""
        return [
            await self.put(one.topic, one.value, encode(one), key=one.key, partition=partition) for one in envelopes
        ]

    async def put(
        self, topic: str, value: bytes | None, headers: Any, key: bytes | None = b"k", partition: int | None = None
    ) -> Place:
        """Put any record on a real topic."""
        assert self.producer is not None
        record = await self.producer.send_and_wait(topic, value, key=key, headers=headers, partition=partition)
        return Place(record.topic, record.partition, record.offset)

    async def read(self, topic: str) -> list[Envelope]:
        """Everything on a logical topic, now."""
        name = self.settings.topic(topic)
        servers = self.settings.bootstrap_servers
        found: list[Envelope] = []
        async with AIOKafkaConsumer(name, bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:
            for partition, end in (await consumer.end_offsets(list(consumer.assignment()))).items():
                while await consumer.position(partition) < end:
                    batches = await consumer.getmany(partition, timeout_ms=1000)
                    found += [decode(r.topic, r.key, r.value, r.headers) for batch in batches.values() for r in batch]
        return found

    def now(self) -> datetime:
        return SYSTEM_CLOCK.now()

    async def letters(self) -> list[DeadLetter]:
        """The dead letters so far."""
        return [DeadLetter.model_validate_json(one.value or b"") for one in await self.read(DEAD_LETTERS)]

    async def replies(self, principal: str = "admin") -> dict[str, dict[str, Any]]:
        """What a principal was answered, by correlation id."""
        envelopes = await self.read(reply_topic(principal))
        return {one.correlation_id or "": json.loads(one.value or b"") for one in envelopes}


@asynccontextmanager
async def running(bootstrap_servers: str, prefix: str, partitions: int = 1) -> AsyncIterator[Installation]:
    """Topics, a publisher as config_service, a directory, and the registered principal `admin`."""
    settings = KafkaSettings(
        bootstrap_servers=bootstrap_servers, prefix=prefix, partitions=partitions, session_timeout=2.0
    )
    ring, metrics = AuthRing.new("r1"), Metrics("test")
    await ensure_topics(settings, list(TOPICS))
    key = ring.service_key("config_service")
    publisher = Publisher(settings, key, service="config_service", clock=SYSTEM_CLOCK, metrics=metrics)
    directory = PrincipalDirectory(settings, ring, service="test", clock=SYSTEM_CLOCK)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all")
    async with AsyncExitStack() as stack:
        for part in (publisher, directory):
            await part.start()
            stack.push_async_callback(part.stop)
        await stack.enter_async_context(producer)
        installation = Installation(settings, publisher, directory, producer, ring, metrics=metrics)
        await installation.registered("admin")
        yield installation


@asynccontextmanager
async def consuming(*brokers: Broker) -> AsyncIterator[None]:
    """Processes that consume, until the block ends."""
    async with AsyncExitStack() as stack:
        for broker in brokers:
            await broker.start()
            stack.push_async_callback(broker.stop)
        yield


Shape = Literal["command", "stream"]
SHAPES: tuple[Shape, ...] = ("command", "stream")
TOPIC_OF: Mapping[Shape, str] = {"command": CONFIG_COMMANDS, "stream": TOKEN_REQUESTS}


def message(shape: Shape, n: int = 0) -> Message:
    """A valid message of the shape's topic, number `n`."""
    name = f"config {n}"
    return ConfigGet(config=name) if shape == "command" else TokenStatusGet(config=name)


def number_of(received: Received) -> int:
    """The `n` of a message made by `message`."""
    reference: str = received.message.config  # type: ignore[attr-defined]
    return int(reference.removeprefix("config "))


def subscribe(
    broker: Broker, shape: Shape, gate: Gate[Received], handler: Callable[[Sequence[Received]], Awaitable[None]]
) -> Subscription:
    """Consume in one of the two shapes with a handler of batches; a command is a batch of one."""
    if shape == "stream":
        return stream(broker, gate, group="test", handler=handler)

    async def one(received: Received) -> None:
        await handler([received])

    return command(broker, gate, group="test", handler=one)


def an_event(n: int = 1) -> ConfigChanged:
    """An event of config_service."""
    config = TokenConfig(name=f"config {n}", template="generic")
    return ConfigChanged(config_id=CONFIG_ID, revision=n, sequence=n, config=config, actor="admin")
