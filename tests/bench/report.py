"""How a benchmark speaks: each row beside its baseline of the same run, as a ratio against its floor."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: medians over interleaved rounds."""

    what: str
    ours: float
    baseline: float
    unit: str
    floor: float | None
    """None: shown for what it tells, not judged."""
    higher_is_better: bool

    @property
    def ratio(self) -> float:
        """Ours over baseline."""
        return self.ours / self.baseline

    @property
    def met(self) -> bool:
        """Whether the floor of the design holds."""
        if self.floor is None:
            return True
        return self.ratio >= self.floor if self.higher_is_better else self.ratio <= self.floor

    def line(self) -> str:
        """One line of the report."""
        return (
            f"{self.what:<66} {self.ours:>10.2f} {self.baseline:>10.2f} {self.unit:<5}"
            f" {self.ratio:>6.2f}x  {self._judgement()}"
        )

    def _judgement(self) -> str:
        if self.floor is None:
            return "no floor"
        sign = ">=" if self.higher_is_better else "<="
        return f"{sign} {self.floor:.2f}x  {'met' if self.met else 'MISSED'}"


HEADER = f"{'row':<66} {'ours':>10} {'baseline':>10} {'unit':<5} {'ratio':>7}  {'floor':>8}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(values: Sequence[float], share: float = 0.5) -> float:
    """A percentile of latencies in seconds, as milliseconds."""
    return percentile(values, share) * 1000


def middle(values: Sequence[float]) -> float:
    """The median over rounds."""
    return median(values)
