"""The baselines of `get`: an aiokafka echo with one `find` per batch, and nothing else.

It reads the same requests, looks up as many documents of the same size, and answers with as many bytes. Bare, it sends
one header; with `--contract` it carries the contract's headers and makes one HMAC over what came and one over what
goes. Neither checks anything, seals anything or knows a grant: what the refresher takes beyond is the product's price.
"""

import argparse
import asyncio
import hmac
from collections.abc import Callable, Sequence
from typing import Any, Final

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from motor.motor_asyncio import AsyncIOMotorClient

POLL_MS = 5
MAX_BATCH_SIZE = 131_072
"""As the product's producer: by aiokafka's own 16 KiB, a flood takes six times as many requests."""
KEY: Final = bytes(32)
Headers = list[tuple[str, bytes]]


def bare(record: Any, _reply: bytes) -> Headers:
    """Return what an asker needs to find its question again."""
    return [("correlation_id", dict(record.headers)["correlation_id"])]


def contract(record: Any, reply: bytes) -> Headers:
    """Return the headers of the contract after as much hashing as it asks for."""
    came = dict(record.headers)
    correlation = came["correlation_id"]
    assert len(_mac((record.key, *came.values(), record.value))) == len(_mac((correlation, reply)))
    return [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", correlation),
        ("ce_type", b"grantkeeper.reply.v1"),
        ("ce_source", b"/services/refresher"),
        ("ce_time", came["ce_time"]),
        ("correlation_id", correlation),
        ("signature", came["signature"]),
    ]


def _mac(fields: Sequence[bytes]) -> bytes:
    return hmac.digest(KEY, b"".join(fields), "sha256")


async def answer(
    records: Sequence[Any],
    documents: Any,
    producer: AIOKafkaProducer,
    topic: str,
    headers: Callable[[Any, bytes], Headers],
) -> None:
    """One `find` for the batch, one reply for each record."""
    ids = list({record.key.decode() for record in records})
    found = {document["_id"]: document async for document in documents.find({"_id": {"$in": ids}})}
    sent = []
    for record in records:
        reply = found[record.key.decode()]["reply"].encode()
        sent.append(await producer.send(topic, reply, headers=headers(record, reply), partition=0))
    await asyncio.gather(*sent)


async def serve(
    bootstrap: str,
    requests: str,
    replies: str,
    mongo: str,
    database: str,
    headers: Callable[[Any, bytes], Headers],
    member: str | None,
    session: int,
) -> None:
    """Run until cancelled; `session` in milliseconds."""
    documents: Any = AsyncIOMotorClient(mongo)[database]["echo"]
    consumer = AIOKafkaConsumer(
        requests,
        bootstrap_servers=bootstrap,
        group_id=requests,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        group_instance_id=member,
        session_timeout_ms=session,
        heartbeat_interval_ms=session // 3,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_batch_size=MAX_BATCH_SIZE
    )
    async with consumer, producer:
        print("ready", flush=True)
        while True:
            batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=500)
            records = [record for batch in batches.values() for record in batch]
            if records:
                await answer(records, documents, producer, replies, headers)
                await consumer.commit()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("bootstrap", "requests", "replies", "mongo", "database"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--member", help="name in the group, where there are several")
    parser.add_argument("--session", type=int, default=10_000, help="milliseconds after which a silent one is out")
    parser.add_argument("--contract", dest="headers", action="store_const", const=contract, default=bare)
    uvloop.run(serve(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
