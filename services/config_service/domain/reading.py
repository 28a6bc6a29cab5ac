"""The one way in which a record is read before anything is decided on it: text, rules, binding of its secret.

What is found is told up to a bound, errors first: a reply must fit on the bus whatever somebody sends.
"""

from collections.abc import Sequence
from typing import Final

from schemas.findings import Finding
from services.config_service import document
from services.config_service.document import Record
from services.config_service.domain.secrets import secret_finding

MOST_FINDINGS: Final = 50
"""More nobody reads; the rest comes when these are cured."""
LONGEST_FIELD: Final = 200
"""Characters of a path: a key may be as long as the text."""

_RANK: Final = {"error": 0, "warning": 1, "note": 2}


def read(text: str, most: int = MOST_FINDINGS) -> Record:
    """Read a record; `config` is None where an error stands among its findings."""
    record = document.read(text)
    secret = None if record.config is None else secret_finding(record.config)
    findings = (*record.findings, *(() if secret is None else (secret,)))
    failed = any(finding.level == "error" for finding in findings)
    return Record(None if failed else record.config, bounded(findings, most))


def bounded(findings: Sequence[Finding], most: int) -> tuple[Finding, ...]:
    """Return at most so many findings, errors first and else in their order, with a note on how many are left out."""
    shown = sorted(findings, key=lambda finding: _RANK[finding.level])[:most]
    kept = tuple(_short(finding) for finding in shown)
    left_out = len(findings) - len(kept)
    if left_out == 0:
        return kept
    more = Finding(level="note", code="more_findings", message=f"{left_out} more.", cure="Cure these first.")
    return (*kept, more)


def _short(finding: Finding) -> Finding:
    if finding.field is None or len(finding.field) <= LONGEST_FIELD:
        return finding
    return finding.model_copy(update={"field": finding.field[:LONGEST_FIELD] + "..."})
