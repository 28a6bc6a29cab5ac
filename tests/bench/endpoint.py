"""A token endpoint that does nothing but wait: the same time for every POST, or as long as `/wait/<seconds>` says.

`/answered` says when the last answer left, by the clock that all processes of a machine share.
Bare asyncio streams, so that the endpoint is never what a benchmark measures.
"""

import argparse
import asyncio
import itertools
import json
import time

import uvloop

ANSWER_SIZE = 600
"""Bytes of a typical token response."""


class Endpoint:
    """Answers every POST alike."""

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._counter = itertools.count()
        self._answered = 0.0

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it is closed."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
                writer.write(await self._answer(head.split(maxsplit=2)[1]))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, path: bytes) -> bytes:
        if path == b"/answered":
            return response({"at": self._answered})
        await asyncio.sleep(float(path.removeprefix(b"/wait/")) if path.startswith(b"/wait/") else self._latency)
        answer = response(token(next(self._counter)))
        self._answered = time.perf_counter()
        return answer


def token(number: int) -> dict[str, object]:
    """One token response of the usual size; no two carry the same values."""
    access = f"access-{number}-".ljust(ANSWER_SIZE // 2, "a")
    refresh = f"refresh-{number}-".ljust(ANSWER_SIZE // 4, "r")
    return {"access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": 3600}


def response(values: dict[str, object]) -> bytes:
    """Write one answer."""
    body = json.dumps(values).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def serve(port: int, latency: float) -> None:
    """Listen on 127.0.0.1 until cancelled."""
    server = await asyncio.start_server(Endpoint(latency).converse, "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds")
    arguments = parser.parse_args()
    uvloop.run(serve(arguments.port, arguments.latency))


if __name__ == "__main__":
    main()
