"""The verdict: what the provider's own journal says was lost, and whether anybody but the provider is to blame. Pure.

A login that a strict provider ended is excused in three cases, all beyond any client's reach: the provider did not
deliver the answer with the new refresh token, or its process was killed before it came, or with it in hand. A client
that gives up by itself, or that forgets what it was given, finds no excuse.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from devstack.provider.journal import Entry
from devstack.provider.verdict import Verdict, is_lost, verdict
from tests.soak.noted import Kill, Planted

IN_HAND: Final = 6.0
"""Seconds from an answer to the stored result that a machine may take which has ten times too much to do."""
IN_TURN: Final = 2.0
"""Seconds by which a process may store a later answer before an earlier one. Who stores later ones has forgotten it."""
DYING: Final = 0.2
"""Seconds from the end of a dying process's connections to its being seen dead."""
LOST: Final = "lost_rotation"
PLAIN: Final = "expired_refresh_token"
CLEAR: Final = frozenset({LOST, PLAIN})
"""Notices that tell an admin to log in again."""

Cause = Literal[
    "answer not delivered",
    "killed before the answer",
    "killed with the answer in hand",
    "given up and sent again",
    "answered and sent again",
    "unexplained",
]
EXCUSED: Final = frozenset({"answer not delivered", "killed before the answer", "killed with the answer in hand"})


@dataclass(frozen=True, slots=True)
class Ended:
    """A login that the provider has ended, and why."""

    planted: Planted
    cause: Cause
    detail: str = ""
    in_hand: float = 0.0
    """Seconds from the answer to the death of its process, where that is the excuse."""
    answered_otherwise: bool = False
    """The work was done and another answer given: a client cannot know that anything was lost."""

    @property
    def excused(self) -> bool:
        """Whether no client could have kept it."""
        return self.cause in EXCUSED


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that was found at the end."""

    journal: Sequence[Entry]
    ended: Mapping[str, str]
    """Login -> by what the provider ended it."""
    kept: frozenset[str]
    """Config ids of which anything is stored here."""
    over: frozenset[str]
    """Config ids whose state here says that a new login is needed."""
    notices: Sequence[tuple[str, str]]
    """Config id and kind of each notice, once per message."""
    unusable: Sequence[str]
    """Config ids whose stored refresh token the provider refused at the end, or that have none."""


class Deaths:
    """Which processes were killed, when, and until when they stored what they were given."""

    def __init__(self, kills: Sequence[Kill], journal: Sequence[Entry]) -> None:
        self._kills = {kill.life.name: kill for kill in kills}
        used = {(entry.realm, entry.secret) for entry in journal}
        self._stored: defaultdict[str | None, float] = defaultdict(float)
        for entry in journal:
            if entry.issued is not None and (entry.realm, entry.issued) in used:
                self._stored[entry.caller] = max(self._stored[entry.caller], entry.finished_at or 0.0)

    def ended_while_open(self, entry: Entry) -> bool:
        """Tell whether a request lost its client by a kill."""
        kill = self._kills.get(entry.caller or "")
        return kill is not None and entry.finished_at is not None and entry.finished_at >= kill.after - DYING

    def in_hand(self, entry: Entry) -> float | None:
        """Return how soon after an answer its process died; None where it did not, or had forgotten it before.

        What it had stored is seen at its use: a refresh token that it was given later has been sent since.
        """
        kill = self._kills.get(entry.caller or "")
        if kill is None or entry.ending != "answered" or entry.finished_at is None:
            return None
        seconds = max(0.0, kill.at - entry.finished_at)
        forgotten = self._stored[entry.caller] > entry.finished_at + IN_TURN
        return None if forgotten or seconds > IN_HAND else seconds


@dataclass(frozen=True, slots=True)
class Judgement:
    """Figures, and what must not be."""

    by_journal: Verdict
    ended: tuple[Ended, ...]
    problems: tuple[str, ...]

    @property
    def in_hand(self) -> float:
        """Seconds from an answer to the death of its process, at most; the tighter, the less an excuse may hide."""
        return max((one.in_hand for one in self.ended), default=0.0)


def judge(planted: Sequence[Planted], kills: Sequence[Kill], found: Found) -> Judgement:
    """Compare the provider's word with ours."""
    chains, deaths = _chains(planted, found.journal), Deaths(kills, found.journal)
    ended = tuple(
        _ended(one, chains[one.login], deaths, found.ended[one.login]) for one in planted if one.login in found.ended
    )
    by_journal = verdict(found.journal)
    return Judgement(by_journal, ended, tuple(_problems(planted, by_journal, ended, found)))


def _problems(planted: Sequence[Planted], by_journal: Verdict, ended: Sequence[Ended], found: Found) -> Iterator[str]:
    for pair in by_journal.overlapping:
        yield f"requests {pair[0]} and {pair[1]} spent one refresh token while the first was open"
    for one in ended:
        if not one.excused:
            yield f"{one.planted.login} was lost, {one.cause}: {one.detail}"
    yield from _shown_wrongly({one.config_id: one.login for one in planted}, found)
    yield from _told_wrongly(Counter(one.planted.config_id for one in ended), found)
    yield from _told_vaguely(Counter(one.planted.config_id for one in ended if one.answered_otherwise), found)
    for config_id in {one.config_id for one in planted} - found.kept:
        yield f"{config_id}: nothing is stored of it any more"


def _shown_wrongly(last_login: Mapping[str, str], found: Found) -> Iterator[str]:
    """A config needs a new login if, and only if, the provider has ended its last one."""
    for config_id, login in last_login.items():
        if (config_id in found.over) != (login in found.ended):
            state = "over" if config_id in found.over else "alive"
            yield f"{config_id}: {state} here, {'ended' if login in found.ended else 'alive'} at the provider"


def _told_wrongly(lost: Counter[str], found: Found) -> Iterator[str]:
    told = Counter(config_id for config_id, kind in found.notices if kind in CLEAR)
    for config_id in sorted(lost.keys() | told.keys()):
        if told[config_id] != lost[config_id]:
            yield f"{config_id}: {told[config_id]} notices of {lost[config_id]} logins that the provider has ended"
    for config_id in found.unusable:
        if config_id not in found.over:
            yield f"{config_id}: its refresh token is refused, and nobody was told"


def _told_vaguely(otherwise: Counter[str], found: Found) -> Iterator[str]:
    """Where an answer was lost, the notice says so: then nobody looks for an admin who has revoked something."""
    vague = Counter(config_id for config_id, kind in found.notices if kind == PLAIN)
    for config_id, times in vague.items():
        if times > otherwise[config_id]:
            yield f"{config_id}: {times} notices call a lost answer an ended login"


def _chains(planted: Sequence[Planted], journal: Sequence[Entry]) -> Mapping[str, list[Entry]]:
    """Follow each grant from refresh token to refresh token."""
    owner = {(one.realm, one.secret): one.login for one in planted}
    chains: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in journal:
        login = owner.get((entry.realm, entry.secret or ""))
        if login is None:
            continue
        chains[login].append(entry)
        if entry.issued is not None:
            owner[entry.realm, entry.issued] = login
    return chains


def _ended(one: Planted, chain: Sequence[Entry], deaths: Deaths, by: str) -> Ended:
    exchanged: dict[str | None, Entry] = {}
    for entry in chain:
        first = exchanged.get(entry.secret)
        if first is not None and entry.outcome == "invalid_grant":
            return _repeated(one, first, entry, deaths)
        if entry.issued is not None:
            exchanged.setdefault(entry.secret, entry)
    return Ended(one, "unexplained", f"ended by {by}, and no request of ours explains it")


def _repeated(one: Planted, first: Entry, again: Entry, deaths: Deaths) -> Ended:
    if first.ending == "client_gone" and deaths.ended_while_open(first):
        return Ended(one, "killed before the answer")
    if is_lost(first) and first.ending != "client_gone":
        return Ended(one, "answer not delivered", answered_otherwise=first.outcome != "ok")
    in_hand = deaths.in_hand(first)
    if in_hand is not None:
        return Ended(one, "killed with the answer in hand", in_hand=in_hand)
    done = f"of {first.caller} was done with at {first.finished_at}, and sent again at {again.received_at}"
    cause: Cause = "given up and sent again" if first.ending == "client_gone" else "answered and sent again"
    return Ended(one, cause, f"request {first.number} {done}")
