"""A button means what its page showed: the form carries its number, and the service refuses where that has passed."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

LONGEST: Final = 15
"""Digits of a number that a page was drawn from."""


async def shown(request: Request, name: str) -> int:
    """Return the revision, generation or sequence that the page of this form showed; an Undo has it in its address."""
    return number_of(str((await request.form()).get(name, request.query_params.get(name, ""))))


def number_of(text: str) -> int:
    """Read such a number; raises HTTPException where it is none, as in a form that no page of this console made."""
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST):
        raise HTTPException(400)
    return int(text)
