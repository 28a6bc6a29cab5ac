"""How much fits into one reply (CONTRACT, request and reply): a page is cut by bytes, not only by number."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

PAGE_MAX_BYTES: Final = 524_288
"""Of a page; a broker takes 1 MiB."""
ROOM: Final = 2_048
"""Bytes of a page that are not its items: the frame of the reply and its cursor."""

T = TypeVar("T")


def fitting(items: Sequence[T], size: Callable[[T], int]) -> tuple[T, ...]:
    """Return the first items that fit on a page; one always does, being far smaller than a page."""
    room = PAGE_MAX_BYTES - ROOM
    shown: list[T] = []
    for item in items:
        room -= size(item) + 1
        if shown and room < 0:
            break
        shown.append(item)
    return tuple(shown)
