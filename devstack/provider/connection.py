"""A client's connection as faults and journal need it: it can be cut, and it tells when it ends."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

Then = Callable[[], None]
REMEMBERED: Final = 100
"""Requests of one connection whose end is noted with it; a pooled connection lives for thousands."""


class Connection:
    """One connection, for any number of requests one after another."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._then: deque[Then] = deque(maxlen=REMEMBERED)

    def when_ended(self, then: Then) -> None:
        """Call `then` at the end."""
        self._then.append(then)

    def ended(self) -> None:
        while self._then:
            self._then.popleft()()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        """Close at once, whatever is still to be sent."""
        self._transport.abort()
