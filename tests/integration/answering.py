"""A service as an asker sees it: takes messages from a topic and answers as the test says."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from grantkeeper.crypto.credentials import mint
from grantkeeper.crypto.ring import AuthRing, VaultRing
from grantkeeper_client import Credential, Envelope, SigningKey, decode, encode, format_time, seal_for_principal, sign

Reply = Mapping[str, Any]
AUTH_RING, VAULT_RING = AuthRing.new("r1"), VaultRing.new("r1")
CONFIG_ID = "0199f7a0-0000-7000-8000-000000000001"
TOPICS = ("token.requests", "config.commands", "notification.commands")


class AnsweringService:
    """What it was asked stands in `taken`, with the partition; `answer` says what it replies, `altered` what of it."""

    def __init__(self, bootstrap_servers: str, prefix: str) -> None:
        self.credential = mint(AUTH_RING, VAULT_RING, "mail-1", 1, bootstrap_servers, prefix)
        self.taken: list[tuple[int, Envelope]] = []
        self.answer: Callable[[Envelope], Sequence[Reply]] = lambda _: []
        self.altered: Callable[[Envelope], Envelope] = lambda reply: reply
        self._producer: AIOKafkaProducer

    @property
    def asked(self) -> list[Mapping[str, Any]]:
        """The values of what was asked."""
        return [json.loads(envelope.value or b"{}") for _, envelope in self.taken]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["AnsweringService"]:
        """Serve until the block ends."""
        servers = self.credential.bootstrap_servers
        await _create_topics(servers, [self.credential.prefix + name for name in TOPICS], partitions=3)
        await self.register(self.credential)
        self._producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all")
        consumer = AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest", enable_auto_commit=False)
        async with self._producer, consumer:
            consumer.assign([TopicPartition(self.credential.prefix + name, n) for name in TOPICS for n in range(3)])
            serving = asyncio.create_task(self._serve(consumer))
            yield self
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving

    async def register(self, credential: Credential) -> None:
        """Make the reply topic of a principal."""
        name = f"{credential.prefix}replies.{credential.principal}"
        await _create_topics(credential.bootstrap_servers, [name], partitions=1)

    async def reply(self, question: Envelope, value: Reply) -> None:
        """Send one reply, as the bus does: on the asker's topic, under its correlation id, signed with its key."""
        credential = self.credential
        reply = Envelope(
            topic=f"{credential.prefix}replies.{credential.principal}",
            key=None,
            id=str(uuid4()),
            type="grantkeeper.reply.v1",
            source="/services/refresher",
            time=datetime.now(UTC),
            value=json.dumps(value).encode(),
            correlation_id=question.correlation_id,
        )
        reply = self.altered(sign(reply, credential.signer()))
        await self._producer.send_and_wait(reply.topic, reply.value, headers=encode(reply))

    async def _serve(self, consumer: AIOKafkaConsumer) -> None:
        async for record in consumer:
            question = decode(record.topic, record.key, record.value, record.headers)
            self.taken.append((record.partition, question))
            for value in self.answer(question):
                await self.reply(question, value)


def ok(**result: Any) -> Reply:
    return {"ok": True, "result": result}


def failed(code: str, **more: Any) -> Reply:
    return {"ok": False, "error": {"code": code, "message": f"it is {code}", **more}}


def access_token(
    question: Envelope, value: str, expires_at: datetime, generation: int = 1, changed: Mapping[str, Any] | None = None
) -> Reply:
    """Write the refresher's answer to `get`; `changed` replaces fields after the token was sealed."""
    bound = {
        "config_id": CONFIG_ID,
        "generation": str(generation),
        "expires_at": format_time(expires_at),
        "correlation_id": question.correlation_id or "",
    }
    sealed = seal_for_principal(VAULT_RING.principal_sealing_key("mail-1", 1), value, bound=bound)
    result = {
        "config_id": CONFIG_ID,
        "name": "Support mailbox",
        "renamed": False,
        "revision": 1,
        "generation": generation,
        "access_token": sealed,
        "expires_at": expires_at.isoformat(),
        "user": "support@example.com",
        "mechanism": "XOAUTH2",
        "servers": {"imap": "imap.example.com:993", "pop3": None, "smtp": None},
    }
    return {"ok": True, "result": result | dict(changed or {})}


def signed_by(key: SigningKey) -> Callable[[Envelope], Envelope]:
    return lambda reply: sign(reply, key)


def with_fields(**changed: Any) -> Callable[[Envelope], Envelope]:
    return lambda reply: replace(reply, **changed)


async def _create_topics(servers: str, names: Sequence[str], partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1) for name in names])
    finally:
        await admin.close()
