"""How an answer's bytes leave: whole, cut in half, not at all, or without end.

Cutting is no part of ASGI: it needs the connection itself, which `server.py` puts into the request's state.
"""

import asyncio
from collections.abc import Mapping
from typing import Literal

from starlette.types import Receive, Scope, Send

from devstack.provider.answer import Answer
from devstack.provider.connection import Connection
from devstack.provider.faults import Delivery

ENDLESS_HEAD = b'{"token_type":"Bearer","access_token":"'
ENDLESS_PIECE = b"A" * 1024
ENDLESS_PAUSE = 0.02  # seconds between pieces
Sent = Literal["answered", "half", "lost", "endless", "client_gone"]


async def deliver(answer: Answer, how: Delivery, scope: Scope, receive: Receive, send: Send) -> Sent:
    """Send `answer`; returns how it ended."""
    if _is_gone(scope):
        return "client_gone"
    match how:
        case Delivery.WHOLE:
            await _head(answer, {"content-length": str(len(answer.body))}, send)
            await send({"type": "http.response.body", "body": answer.body})
            return "answered"
        case Delivery.HALF:
            await _head(answer, {"content-length": str(len(answer.body) + 1)}, send)
            await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})
            connection_of(scope).close()
            await _until_closed(receive)
            return "half"
        case Delivery.LOST:
            connection_of(scope).abort()
            await _until_closed(receive)
            return "lost"
        case Delivery.ENDLESS:
            await _endless(answer, scope, send)
            return "endless"


async def hold(seconds: float, receive: Receive) -> bool:
    """Wait; False as soon as the client is gone."""
    if seconds <= 0:
        return True
    try:
        await asyncio.wait_for(_until_closed(receive), seconds)
    except TimeoutError:
        return True
    return False


async def _head(answer: Answer, more: Mapping[str, str], send: Send) -> None:
    headers = {"content-type": answer.content_type, **answer.headers, **more}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})


async def _endless(answer: Answer, scope: Scope, send: Send) -> None:
    await _head(answer, {}, send)
    await send({"type": "http.response.body", "body": ENDLESS_HEAD, "more_body": True})
    while not _is_gone(scope):
        await send({"type": "http.response.body", "body": ENDLESS_PIECE, "more_body": True})
        await asyncio.sleep(ENDLESS_PAUSE)


async def _until_closed(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _is_gone(scope: Scope) -> bool:
    return connection_of(scope).is_closing()


def connection_of(scope: Scope) -> Connection:
    """The connection that `server.py` put there."""
    connection: Connection = scope["state"]["connection"]
    return connection
