"""A client's connection as faults and journal need it: it can be cut, and it tells when it ends."""

import asyncio
from collections.abc import Callable

Then = Callable[[], None]


class Connection:
    """One connection, for any number of requests one after another."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._then: Then | None = None

    def when_ended(self, then: Then) -> None:
        """Call `then` at the end; what the request before wanted to know is forgotten."""
        self._then = then

    def ended(self) -> None:
        if self._then is not None:
            self._then()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        """Close at once, whatever is still to be sent."""
        self._transport.abort()
