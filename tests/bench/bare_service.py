"""The baseline of a start: a bare FastStream + motor app, with one group, one question to MongoDB and one HTTP answer.

It is as ready as a service is when it answers: its server has been asked, its group has its partitions.
"""

import argparse
import asyncio
from typing import Any

import uvicorn
import uvloop
from faststream.asgi import AsgiFastStream, AsgiResponse, get
from faststream.kafka import KafkaBroker
from motor.motor_asyncio import AsyncIOMotorClient


def build(bootstrap: str, topic: str, mongo: str) -> AsgiFastStream:
    """Wire it inside the running event loop."""
    broker = KafkaBroker(bootstrap)
    documents: Any = AsyncIOMotorClient(mongo)["bench"]["bare"]

    @broker.subscriber(topic, group_id=topic, group_instance_id=topic, auto_offset_reset="earliest")
    async def keep(body: bytes) -> None:
        await documents.insert_one({"body": body})

    @get
    async def ready(_scope: object) -> AsgiResponse:
        return AsgiResponse(b"ready\n", 200)

    async def look() -> None:
        await documents.find_one({})

    return AsgiFastStream(broker, asgi_routes=[("/readyz", ready)], on_startup=[look])


async def serve(bootstrap: str, topic: str, mongo: str, port: int) -> None:
    """Run until a signal."""
    app = build(bootstrap, topic, mongo)
    await uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning")).serve()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("bootstrap", "topic", "mongo"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--port", type=int, required=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
