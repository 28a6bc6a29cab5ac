"""The table of `provider_errors.yaml`, typed and checked: what an answer means, whom it concerns, what cures it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from importlib import resources
from typing import Any, Final, get_args

from grantkeeper.strict_yaml import load
from schemas.reasons import AttemptClass, FaultScope

_ALWAYS: Final = frozenset({"408", "429", "500", "502", "503", "504"})
"""Statuses that mean "later" whatever `error` says: no such answer may end a grant."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row: class, scope, the id of the cure and its English sentence, and seconds to wait at least."""

    attempt_class: AttemptClass
    scope: FaultScope
    cure_id: str
    cure: str
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Symptoms:
    """The codes of one answer; descriptions are not among them."""

    host: str = ""
    status: int = 200
    error: str | None = None
    subtypes: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """All rows, by what they are looked up with."""

    cures: Mapping[str, str]
    unknown: Meaning
    outcomes: Mapping[str, Meaning]
    statuses: Mapping[str, Meaning]
    errors: Mapping[tuple[str, ...], Meaning]
    numbers: Mapping[str, Meaning]
    hosts: Mapping[str, Mapping[tuple[str, ...], Meaning]] = field(default_factory=dict)

    def meaning(self, symptoms: Symptoms) -> Meaning:
        """Return the row that fits best, `unknown` at the least."""
        return next((row for row in self._rows(symptoms) if row is not None), self.unknown)

    def knows(self, symptoms: Symptoms) -> bool:
        """Say whether any row fits."""
        return any(row is not None for row in self._rows(symptoms))

    def _rows(self, symptoms: Symptoms) -> Iterator[Meaning | None]:
        for number in symptoms.numbers:
            yield self.numbers.get(str(number))
        status = str(symptoms.status)
        if status in _ALWAYS or symptoms.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            yield self.statuses.get(status, self.statuses["500"])
        if symptoms.error is not None:
            for subtype in symptoms.subtypes:
                yield self.errors.get((symptoms.error, subtype))
            yield self.hosts.get(symptoms.host, {}).get((symptoms.error,))
            yield self.errors.get((symptoms.error,))
        yield self.statuses.get(status)


@cache
def shipped() -> ErrorTable:
    """Return the table that comes with this package, read once."""
    return parse(resources.files(__package__).joinpath("provider_errors.yaml").read_text("utf-8"))


def parse(text: str) -> ErrorTable:
    """Read a table; raises StrictYamlError, KeyError or ValueError where it contradicts itself."""
    data: Any = load(text).data
    cures: dict[str, str] = data["cures"]
    hosts = {
        host: _by_error(section["errors"], cures) for section in data["hosts"] for host in section["hosts"].split()
    }
    return ErrorTable(
        cures=cures,
        unknown=_meaning(data["unknown"], cures),
        outcomes={name: _meaning(row, cures) for name, row in data["outcomes"].items()},
        statuses=_by_word(data["statuses"], "status", cures),
        errors=_by_error(data["errors"], cures),
        numbers=_by_word(data["microsoft"], "codes", cures),
        hosts=hosts,
    )


def _by_word(rows: list[dict[str, str]], column: str, cures: Mapping[str, str]) -> dict[str, Meaning]:
    found: dict[str, Meaning] = {}
    for row in rows:
        for word in row[column].split():
            if word in found:
                raise ValueError(f"{column} {word} stands twice")
            found[word] = _meaning(row, cures)
    return found


def _by_error(rows: list[dict[str, str]], cures: Mapping[str, str]) -> dict[tuple[str, ...], Meaning]:
    found: dict[tuple[str, ...], Meaning] = {}
    for row in rows:
        subtypes: list[tuple[str, ...]] = [(subtype,) for subtype in row.get("subtype", "").split()] or [()]
        for key in ((error, *subtype) for error in row["error"].split() for subtype in subtypes):
            if key in found:
                raise ValueError(f"error {' '.join(key)} stands twice")
            found[key] = _meaning(row, cures)
    return found


def _meaning(row: Mapping[str, str], cures: Mapping[str, str]) -> Meaning:
    attempt_class, scope = row["class"], row["scope"]
    if attempt_class not in get_args(AttemptClass) or scope not in get_args(FaultScope):
        raise ValueError(f"no such class or scope: {attempt_class}, {scope}")
    return Meaning(
        attempt_class=attempt_class,  # type: ignore[arg-type]  # checked above; mypy does not narrow by get_args
        scope=scope,  # type: ignore[arg-type]  # the same
        cure_id=row["cure"],
        cure=cures[row["cure"]],
        wait=float(row.get("wait", "0")),
    )
