"""The baseline of the console's start: a bare Starlette app with Jinja2 that has read the end of one topic."""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import jinja2
import uvicorn
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

PAGE = jinja2.Environment(autoescape=True).from_string("<p>{{ word }}</p>")


def build(bootstrap: str, topic: str) -> Starlette:
    """Wire it; it answers when its consumer and its producer are connected."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with (
            AIOKafkaConsumer(topic, bootstrap_servers=bootstrap) as consumer,
            AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True),
        ):
            await consumer.end_offsets(consumer.assignment())
            yield

    async def ready(_request: Request) -> HTMLResponse:
        return HTMLResponse(PAGE.render(word="ready"))

    return Starlette(routes=[Route("/readyz", ready)], lifespan=lifespan)


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("bootstrap", "topic"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    app = build(given.bootstrap, given.topic)
    config = uvicorn.Config(app, host="127.0.0.1", port=given.port, log_level="warning")
    uvloop.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
