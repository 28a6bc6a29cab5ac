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
    after: float
    """When the process was last seen alive."""
    at: float
    """When it was seen dead, or was signalled."""
    at_point: bool
