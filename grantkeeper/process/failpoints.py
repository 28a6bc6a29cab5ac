"""Named places at which a test may kill, stop or delay a process; without a hook they do nothing.

`await failpoints.reach("refresher.stored")` stands between two steps whose order matters. The hook comes from the
constructor (a test's own function) or from the setting `failpoint` (a process under test): `kill@refresher.stored`
ends the process there as `kill -9` does, `kill@refresher.stored:3` at the third passage.
"""

import os
import re
import signal
from collections.abc import Awaitable, Callable
from typing import Final, Self

Hook = Callable[[str], Awaitable[None]]

_KILL: Final = re.compile(r"kill@(?P<point>[a-z0-9_.]+)(:(?P<passage>[1-9][0-9]*))?")


class Failpoints:
    """The failpoints of one process: inert unless it was given a hook."""

    def __init__(self, hook: Hook | None = None) -> None:
        self._hook = hook

    @classmethod
    def from_setting(cls, text: str | None) -> Self:
        """Build from the setting `failpoint`; None or empty is inert, nonsense raises ValueError with the cure."""
        if not text:
            return cls()
        match = _KILL.fullmatch(text)
        if match is None:
            raise ValueError("a failpoint reads kill@<point> or kill@<point>:<n-th passage>; unset it in production")
        return cls(_KillAt(match["point"], int(match["passage"] or 1)))

    async def reach(self, point: str) -> None:
        """Pass the place called `point`."""
        if self._hook is not None:
            await self._hook(point)


class _KillAt:
    """Ends this process at the n-th passage of one point, without any clean-up."""

    def __init__(self, point: str, passage: int) -> None:
        self._point = point
        self._left = passage

    async def __call__(self, point: str) -> None:
        if point != self._point:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
