"""The step of a start that makes the indexes: after MongoDB answers, before anything is read or written."""

from collections.abc import Awaitable, Callable


class Indexes:
    """A part of the process that is done when it has started."""

    def __init__(self, *prepare: Callable[[], Awaitable[None]]) -> None:
        self._prepare = prepare

    async def start(self) -> None:
        """Make them; those that exist stay. Raises Unavailable."""
        for prepare in self._prepare:
            await prepare()

    async def stop(self) -> None:
        """Nothing is held open."""
