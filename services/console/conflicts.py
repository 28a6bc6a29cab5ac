"""Two people edited one token: what only one of them changed is joined, what both changed is shown and chosen."""

from dataclasses import dataclass, replace

from services.console.token_form import CHECKS, TokenForm


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which what is stored now and what was typed differ."""

    field: str
    theirs: str
    mine: str
    taken: bool
    """Nobody typed into it here, so the stored value was taken over."""


def join(form: TokenForm, stored: TokenForm) -> tuple[TokenForm, list[Difference]]:
    """Put a form on top of what somebody else stored meanwhile; returns it with every difference there was.

    A form that does not say what it was made from (`was`) counts as typed in every field.
    """
    values, found = dict(form.values), list[Difference]()
    for name, theirs in stored.values.items():
        if name not in values and name not in CHECKS:
            continue
        mine, before = form.get(name), form.was.get(name)
        if theirs in (mine, before):
            continue
        taken = mine == before
        found.append(Difference(name, theirs, mine, taken))
        if taken:
            values[name] = theirs
    return replace(form, values=values, was=stored.values), found
