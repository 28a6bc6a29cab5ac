"""How a test waits: for a condition, with a deadline; never for a time to pass."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")
POLL = 0.01  # seconds


@overload
async def wait_until(condition: Callable[[], Awaitable[T]], deadline: float = ...) -> T: ...
@overload
async def wait_until(condition: Callable[[], T], deadline: float = ...) -> T: ...
async def wait_until(condition: Callable[[], T | Awaitable[T]], deadline: float = 20.0) -> T:
    """Return the first truthy result of `condition` (sync or async); fail after `deadline` seconds.

    The message names the condition and its last result.
    """
    end = time.monotonic() + deadline
    while True:
        result = condition()
        value = await result if inspect.isawaitable(result) else result
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline:g} s: {_source(condition)} (last result: {value!r})")
        await asyncio.sleep(POLL)


def _source(condition: Callable[..., object]) -> str:
    try:
        return inspect.getsource(condition).strip()
    except (OSError, TypeError):
        return repr(condition)
