"""What a journal proves about a client, pure: it is the provider's own word, not the client's.

A request is *open* from its reception to the last byte of its answer, or to the moment its client was gone. Whoever
sends a refresh token while an attempt with the same one is open spends it twice: a strict provider ends the login then.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from devstack.provider.journal import Entry


@dataclass(frozen=True, slots=True)
class Verdict:
    """All of one journal; entries by the numbers they have there."""

    requests: int
    still_open: tuple[int, ...]
    overlapping: tuple[tuple[int, int], ...]
    """Two requests with one refresh token, the second received while the first was open."""
    lost: tuple[int, ...]
    """The work was done, and its answer did not arrive, or not whole, or as another one."""
    sent_again: tuple[int, ...]
    """With a refresh token for which another one had been issued before."""


def verdict(entries: Iterable[Entry]) -> Verdict:
    """Judge a journal as it is."""
    asked = sorted(entries, key=lambda entry: entry.number)
    refreshes = [entry for entry in asked if entry.grant_type == "refresh_token"]
    return Verdict(
        requests=len(asked),
        still_open=tuple(entry.number for entry in asked if entry.is_open),
        overlapping=tuple((first.number, second.number) for first, second in overlapping(refreshes)),
        lost=tuple(entry.number for entry in refreshes if is_lost(entry)),
        sent_again=tuple(entry.number for entry in sent_again(refreshes)),
    )


def is_lost(entry: Entry) -> bool:
    """Tell whether the provider worked for nothing: what it issued did not arrive."""
    return entry.issued is not None and (entry.ending != "answered" or entry.outcome != "ok")


def overlapping(refreshes: Iterable[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """Yield the pairs of attempts with one refresh token that were open at the same time; entries in their order."""
    by_token: defaultdict[tuple[str, str | None], list[Entry]] = defaultdict(list)
    for entry in refreshes:
        earlier = by_token[entry.realm, entry.secret]
        for first in earlier:
            if first.finished_at is None or first.finished_at > entry.received_at:
                yield first, entry
        earlier.append(entry)


def sent_again(refreshes: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the attempts with a refresh token that had been exchanged for another one before."""
    exchanged: set[tuple[str, str | None]] = set()
    for entry in refreshes:
        if (entry.realm, entry.secret) in exchanged:
            yield entry
        if entry.issued is not None and entry.issued != entry.secret:
            exchanged.add((entry.realm, entry.secret))
