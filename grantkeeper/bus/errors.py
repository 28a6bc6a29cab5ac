"""Every error of the bus, grouped by what happens next.

Exception
|-- Unavailable           infrastructure is away: backoff, then deliver again (grantkeeper.process.errors)
|   `-- Unconfirmed       sent and not acknowledged in time: may arrive yet
`-- BusError
    |-- NotHandled        a delivery was given up for now: not committed, comes again
    `-- Misuse            a mistake in the code of a service: the process must not start
        |-- UnsafeSubscription   a subscriber without group, or one that may lose messages
        `-- UnknownTopic         a topic that the table of topics does not hold
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from grantkeeper.process.errors import Unavailable


class Unconfirmed(Unavailable):
    """The producer has messages that were not acknowledged in time: it goes on trying, they may arrive late."""

    def __init__(self, why: str, arrivals: Sequence[asyncio.Future[Any]]) -> None:
        super().__init__(why)
        self.arrivals = arrivals
        """One for each message, in their order, as far as they were handed over."""


class BusError(Exception):
    """Something went wrong between this process and the bus."""


class NotHandled(BusError):
    """A handler did not succeed within its time: nothing is committed and the same messages come again."""


class Misuse(BusError):
    """The code asks the bus for what it must not do."""


class UnsafeSubscription(Misuse):
    """A subscriber without group, or with another policy than "commit after success", would lose messages."""


class UnknownTopic(Misuse):
    """`schemas.topics.TOPICS` holds no topic of this name."""


__all__ = ["BusError", "Misuse", "NotHandled", "Unavailable", "Unconfirmed", "UnknownTopic", "UnsafeSubscription"]
