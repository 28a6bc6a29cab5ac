"""Who comes next: every client gets its share of what a process may do at a time, whatever the others do.

The share depends only on how many clients have something to do. Nobody counts what others hold, so a client that hangs,
or a hundred of them, cannot keep another one from its share: as many calls as hang stay open beyond it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DueGrants:
    """What is due of one client, the most urgent first."""

    client: str
    asked: tuple[str, ...] = ()
    """Config ids that somebody waits for; only an admin's wish is among them where the client is paused."""
    due: tuple[str, ...] = ()
    is_probe: bool = False
    """`due` holds the one grant by which a paused client is tried."""

    def first(self, most: int) -> tuple[str, ...]:
        """Return the grants to claim, each once, those first that somebody waits for."""
        return tuple(dict.fromkeys((*self.asked, *self.due)))[: max(0, most)]


def share(in_all: int, per_client: int, clients: int) -> int:
    """Return how many calls each of `clients` may have under way: at least one, whatever is under way elsewhere."""
    return max(1, min(per_client, in_all // max(1, clients)))
