"""What a run notes for the verdict: the grants as they were, and each kill."""

from dataclasses import dataclass

from tests.soak.plan import Life


@dataclass(frozen=True, slots=True)
class Planted:
    """One grant as it was at the start."""

    config_id: str
    realm: str
    login: str
    secret: str
    """How the provider's journal names its first refresh token."""


@dataclass(frozen=True, slots=True)
class Kill:
    """One `kill -9`, by the clock that the provider's journal has too (POSIX seconds)."""

    life: Life
    at: float
    """When it was seen; a process that kills itself at a point died a moment before."""
    at_point: bool
