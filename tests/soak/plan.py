"""What a seed fixes: the lives of each process, how each ends, and what the provider does wrong meanwhile. Pure."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

POINTS: Final = (
    "refresher.sending",
    "refresher.sent",
    "refresher.stored",
    "refresher.requested",
    "outbox.stored",
    "outbox.published",
)
"""Named kill points on a refresher's way from a due grant to a published event."""
BY_POINT: Final = 0.5
"""Share of the lives that end at a named point; the others end at any instant, the start of the process included."""
FIRST_PASSAGES: Final = 12
LONGEST_LIFE: Final = 8.0
"""Seconds after which a process is killed from outside, at the latest."""
POINT_PATIENCE: Final = 30.0
"""Seconds after which a process is killed that did not pass its named point so often."""

Fault = Mapping[str, Any]
FAULTS: Final[tuple[Fault, ...]] = (
    {"delay": 0.5, "next": 5},
    {"delay_before": 1.0, "next": 3},
    {"named": "proxy:bad_gateway", "next": 3},
    {"named": "proxy:forbidden", "next": 1},
    {"status": 503, "next": 5},
    {"named": "oauth:temporarily_unavailable", "next": 2},
    {"status": 429, "retry_after": "1", "next": 1},
    {"change": {"token_type": "bearer"}, "next": 5},
    {"no_rotation": True, "next": 3},
    {"realm": "microsoft", "delivery": "lost", "next": 3},
    {"realm": "microsoft", "delivery": "half", "next": 3},
    {"realm": "microsoft", "delivery": "endless", "next": 1},
    {"realm": "microsoft", "processed": True, "status": 502, "next": 3},
    {"realm": "microsoft", "drop": ["access_token"], "next": 2},
    {"realm": "strict", "drop": ["access_token"], "next": 1},
    # What no client can survive at a strict provider: each is one lost login.
    {"realm": "strict", "delivery": "lost", "next": 1},
    {"realm": "strict", "delivery": "half", "next": 1},
    {"realm": "strict", "processed": True, "status": 502, "next": 1},
)
FAULTY: Final = 0.4
"""Share of the lives that begin with a fault of the provider."""


@dataclass(frozen=True, slots=True)
class Life:
    """One process from its start to its kill."""

    process: int
    number: int
    point: str | None
    """Named point at which it kills itself; None: it is killed from outside."""
    passage: int
    seconds: float
    """From its start to the kill from outside, at the latest."""
    fault: Fault | None = field(default=None)
    """Ordered from the provider as it starts."""

    @property
    def name(self) -> str:
        """How the provider's journal names its process."""
        return f"life-{self.process}-{self.number}"

    @property
    def failpoint(self) -> str | None:
        """The setting `failpoint` of the process."""
        return None if self.point is None else f"kill@{self.point}:{self.passage}"


def lives(seed: int, process: int) -> Iterator[Life]:
    """Yield the lives of one process, without end; the same for the same seed."""
    chance = random.Random(f"{seed}:{process}")
    number = 0
    while True:
        number += 1
        by_point = chance.random() < BY_POINT
        point, passage = chance.choice(POINTS), chance.randint(1, FIRST_PASSAGES)
        seconds, fault = chance.uniform(0.2, LONGEST_LIFE), chance.choice(FAULTS)
        faulty = chance.random() < FAULTY
        yield Life(
            process=process,
            number=number,
            point=point if by_point else None,
            passage=passage,
            seconds=POINT_PATIENCE if by_point else seconds,
            fault=fault if faulty else None,
        )
