"""The baseline of `get`: a bare aiokafka echo with one `find` per batch, and nothing else.

It reads the same requests, looks up as many documents of the same size, and answers with as many bytes; it checks
no signature, seals nothing and knows no grant. What the refresher takes beyond this is the price of the product.
"""

import argparse
import asyncio
from collections.abc import Sequence
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from motor.motor_asyncio import AsyncIOMotorClient

POLL_MS = 5
"""As in the product's stream shape."""


async def answer(records: Sequence[Any], documents: Any, producer: AIOKafkaProducer, topic: str) -> None:
    """One `find` for the batch, one reply for each record."""
    ids = list({record.key.decode() for record in records})
    found = {document["_id"]: document async for document in documents.find({"_id": {"$in": ids}})}
    sent = []
    for record in records:
        headers = dict(record.headers)
        reply = found[record.key.decode()]["reply"].encode()
        correlation = [("correlation_id", headers["correlation_id"])]
        sent.append(await producer.send(topic, reply, headers=correlation, partition=0))
    await asyncio.gather(*sent)


async def serve(bootstrap: str, requests: str, replies: str, mongo: str, database: str) -> None:
    """Run until cancelled."""
    documents: Any = AsyncIOMotorClient(mongo)[database]["echo"]
    consumer = AIOKafkaConsumer(
        requests, bootstrap_servers=bootstrap, group_id="echo", auto_offset_reset="earliest", enable_auto_commit=False
    )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    async with consumer, producer:
        print("ready", flush=True)
        while True:
            batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=500)
            records = [record for batch in batches.values() for record in batch]
            if records:
                await answer(records, documents, producer, replies)
                await consumer.commit()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("bootstrap", "requests", "replies", "mongo", "database"):
        parser.add_argument(f"--{name}", required=True)
    arguments = parser.parse_args()
    uvloop.run(serve(**vars(arguments)))


if __name__ == "__main__":
    main()
