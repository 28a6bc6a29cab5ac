"""The verdict: what the provider's own journal says was lost, and whether anybody but the provider is to blame. Pure.

A login that a strict provider ended is excused in two cases, both beyond any client's reach: the answer with the new
refresh token did not arrive, or it arrived in a process that was killed with it in hand.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from devstack.provider.journal import Entry
from devstack.provider.verdict import Verdict, is_lost, verdict
from tests.soak.noted import Kill, Planted

IN_HAND: Final = 5.0
"""Seconds from an answer to the stored result that a busy machine may take."""
SEEN_LATE: Final = 3.0
"""Seconds from a process's end to its being noticed."""
NOTED_EARLY: Final = 0.5
"""Seconds by which a kill may be noted before the kernel has closed the connections."""
CLEAR: Final = frozenset({"lost_rotation", "expired_refresh_token"})
"""Notices that tell an admin to log in again."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A login that the provider has ended, and why."""

    planted: Planted
    why: str
    excused: bool


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that was found at the end."""

    journal: Sequence[Entry]
    ended: Mapping[str, str]
    """Login -> by what the provider ended it."""
    over: frozenset[str]
    """Config ids whose state here says that a new login is needed."""
    notices: Sequence[tuple[str, str]]
    """Config id and kind of each notice, once per message."""
    unusable: Sequence[str]
    """Config ids whose stored refresh token the provider refused at the end."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Figures, and what must not be."""

    by_journal: Verdict
    ended: tuple[Ended, ...]
    problems: tuple[str, ...]


def judge(planted: Sequence[Planted], kills: Sequence[Kill], found: Found) -> Judgement:
    """Compare the provider's word with ours."""
    chains = _chains(planted, found.journal)
    ended = tuple(
        _ended(one, chains[one.config_id], kills, found.ended[one.login]) for one in planted if one.login in found.ended
    )
    by_journal = verdict(found.journal)
    return Judgement(by_journal, ended, tuple(_problems(by_journal, ended, found)))


def _problems(by_journal: Verdict, ended: Sequence[Ended], found: Found) -> Iterator[str]:
    for pair in by_journal.overlapping:
        yield f"requests {pair[0]} and {pair[1]} spent one refresh token while the first was open"
    for one in ended:
        if not one.excused:
            yield f"{one.planted.login} was lost: {one.why}"
    yield from _told_wrongly({one.planted.config_id for one in ended}, found)


def _told_wrongly(lost: set[str], found: Found) -> Iterator[str]:
    told = Counter(config_id for config_id, kind in found.notices if kind in CLEAR)
    for config_id in sorted(lost | found.over | told.keys()):
        expected = int(config_id in lost)
        if (int(config_id in found.over), told[config_id]) != (expected, expected):
            state = "over" if config_id in found.over else "alive"
            yield f"{config_id}: {state} here, {told[config_id]} notices, {expected} logins ended by the provider"
    for config_id in found.unusable:
        if config_id not in found.over:
            yield f"{config_id}: its refresh token is refused, and nobody was told"


def _chains(planted: Sequence[Planted], journal: Sequence[Entry]) -> Mapping[str, list[Entry]]:
    """Follow each grant from refresh token to refresh token."""
    owner = {(one.realm, one.secret): one.config_id for one in planted}
    chains: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in journal:
        config_id = owner.get((entry.realm, entry.secret or ""))
        if config_id is None:
            continue
        chains[config_id].append(entry)
        if entry.issued is not None:
            owner[entry.realm, entry.issued] = config_id
    return chains


def _ended(one: Planted, chain: Sequence[Entry], kills: Sequence[Kill], by: str) -> Ended:
    exchanged: dict[str | None, Entry] = {}
    for entry in chain:
        first = exchanged.get(entry.secret)
        if first is not None and entry.outcome == "invalid_grant":
            if is_lost(first):
                return Ended(one, f"the answer to request {first.number} did not arrive", excused=True)
            if _died_in_hand(first, kills):
                return Ended(one, f"killed with the answer to request {first.number} in hand", excused=True)
            return Ended(one, f"request {entry.number} repeated {first.number}, which was answered", excused=False)
        if entry.issued is not None:
            exchanged.setdefault(entry.secret, entry)
    return Ended(one, f"ended by {by}, and no request of ours explains it", excused=False)


def _died_in_hand(answered: Entry, kills: Sequence[Kill]) -> bool:
    """Tell whether the connection of an answer ended soon after it, and together with a killed process."""
    end, finished = answered.hung_up_at, answered.finished_at
    if end is None or finished is None or end - finished > IN_HAND:
        return False
    return any(end - NOTED_EARLY <= kill.at <= end + SEEN_LATE for kill in kills)
