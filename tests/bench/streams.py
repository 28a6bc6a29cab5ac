"""The fastest a refresher without a database could be: the same POSTs over bare asyncio streams."""

import asyncio
import time
from collections.abc import Iterator

BODY_SIZE = 300
"""Bytes of a typical refresh request."""


async def posts_per_second(host: str, port: int, count: int, in_flight: int) -> float:
    """Send `count` POSTs with `in_flight` connections, one request at a time on each."""
    remaining = iter(range(count))
    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(_connection(host, port, remaining))
    return count / (time.perf_counter() - start)


async def _connection(host: str, port: int, remaining: Iterator[int]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    body = b"grant_type=refresh_token&refresh_token=".ljust(BODY_SIZE, b"r")
    head = f"POST /token HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    for _ in remaining:  # one iterator, shared by all connections
        writer.write(head + body)
        await writer.drain()
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
    writer.close()
    await writer.wait_closed()
