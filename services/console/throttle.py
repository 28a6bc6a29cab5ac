"""Slows down guessing of passwords: after some wrong ones a name from a place has to wait, longer each time.

A try counts as wrong from the moment it arrives until its password proves right, so a burst of guesses gets no further
than the same guesses one after the other. Whom a guesser's tries make wait is the guesser: a person waits for tries of
the same name from the same place, and a browser that the person has logged in with before has a count of its own, which
nobody else can fill. Kept in memory: with several replicas a guesser gets as many tries more.
"""

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from grantkeeper.process.clock import Clock

FREE_TRIES: Final = 5
"""Wrong passwords of one name from one place before it has to wait."""
FREE_TRIES_OF_A_PLACE: Final = 30
"""Wrong passwords of all names from one place: an office behind one address mistypes, a list of names is longer."""
LONGEST_WAIT: Final = 300.0
"""Seconds; a person who mistyped comes back after a coffee, a guesser gets 288 tries a day."""
KEPT: Final = 10_000
"""Names and places remembered; the oldest is forgotten first, so that memory is bounded."""
IPV6_SITE: Final = 64
"""Bits of an IPv6 address that name a site: within it anybody may take any address (RFC 4291, 2.5.4)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to log in: who from where, and where alone."""

    person: str
    place: str


def attempt(name: str, address: str, browser: str | None) -> Attempt:
    """Say under which keys a try counts; `browser` is one that this person has logged in with before."""
    place = f"browser {browser}" if browser else site(address)
    return Attempt(f"{place} {name}", place)


def site(address: str) -> str:
    """Return what one sender can take addresses from: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address[:100]
    if not isinstance(ip, IPv6Address):
        return str(ip)
    return str(ip.ipv4_mapped or ip_network((ip, IPV6_SITE), strict=False))


class Throttle:
    """Counts the tries of persons and of places."""

    def __init__(self, clock: Clock) -> None:
        self._persons = _Tries(clock, FREE_TRIES)
        self._places = _Tries(clock, FREE_TRIES_OF_A_PLACE)

    def take(self, tried: Attempt) -> float:
        """Count a try and return 0; or count nothing and return the seconds until it may be made."""
        wait = max(self._persons.wait(tried.person), self._places.wait(tried.place))
        if wait == 0:
            self._persons.count(tried.person)
            self._places.count(tried.place)
        return wait

    def passed(self, tried: Attempt) -> None:
        """The password was right: forget this person's wrong ones, and this try of the place."""
        self._persons.forget(tried.person)
        self._places.take_back(tried.place)


class _Tries:
    """Tries per key; from the last free one on each makes the key wait twice as long."""

    def __init__(self, clock: Clock, free: int) -> None:
        self._clock = clock
        self._free = free
        self._tries: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        _, until = self._tries.get(key, (0, 0.0))
        return max(0.0, until - self._clock.monotonic())

    def count(self, key: str) -> None:
        self._keep(key, self._tries.pop(key, (0, 0.0))[0] + 1)

    def take_back(self, key: str) -> None:
        number = self._tries.pop(key, (1, 0.0))[0] - 1
        if number:
            self._keep(key, number)

    def forget(self, key: str) -> None:
        self._tries.pop(key, None)

    def _keep(self, key: str, number: int) -> None:
        beyond = number - self._free
        pause = LONGEST_WAIT if beyond > LONGEST_WAIT else min(LONGEST_WAIT, 2.0**beyond) if beyond >= 0 else 0.0
        self._tries[key] = (number, self._clock.monotonic() + pause)
        if len(self._tries) > KEPT:
            self._tries.popitem(last=False)
