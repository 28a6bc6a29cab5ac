"""What becomes of each record of an import: added, overwritten, unchanged, skipped or refused, each for itself.

A record never spoils its neighbours. Of two records with one name the first counts; in another chunk of the same file
the import id tells that the name was taken by this very import.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from grantkeeper.names import name_in, name_key
from schemas.config_commands import ConfigImport, ImportRecord
from schemas.config_results import RecordReport
from schemas.findings import Finding
from schemas.token_config import TokenConfig
from services.config_service.document import Record
from services.config_service.domain.edits import Written, first_revision, keep_text
from services.config_service.domain.reading import MOST_FINDINGS, read
from services.config_service.domain.secrets import foreign_secret
from services.config_service.domain.values import Author, Change, Refusal, StoredConfig

CHUNK_FINDINGS: Final = 1_000
FEWEST_FINDINGS: Final = 5
"""Findings told of one chunk, and of each record at least: with 300 bytes each they fill half a reply."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that was read; `config` is None where an error stands among its findings."""

    record: ImportRecord
    config: TokenConfig | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """What becomes of one record."""

    report: RecordReport
    change: Change | None = None


def read_records(records: Sequence[ImportRecord], rings: Collection[str]) -> list[Candidate]:
    """Read a chunk; findings name lines of the file, and secrets that none of this installation's `rings` opens."""
    most = max(FEWEST_FINDINGS, min(MOST_FINDINGS, CHUNK_FINDINGS // len(records)))
    return [_candidate(record, read(record.text, most), rings) for record in records]


def decide(
    candidates: Sequence[Candidate],
    holders: Mapping[str, StoredConfig],
    ids_in_use: frozenset[str],
    command: ConfigImport,
    author: Author,
) -> list[Decided]:
    """Decide on a chunk; `holders` by name key, for all names of the chunk."""
    decided: list[Decided] = []
    firsts: dict[str, ImportRecord] = {}
    ids = set(ids_in_use)
    for candidate in candidates:
        one = _decide(candidate, holders, firsts, ids, command, author)
        decided.append(one)
        if candidate.config is not None:
            firsts.setdefault(name_key(candidate.config.name), candidate.record)
        if one.change is not None:
            ids.add(one.change.after.config_id)
    return decided


def _decide(
    candidate: Candidate,
    holders: Mapping[str, StoredConfig],
    firsts: Mapping[str, ImportRecord],
    ids: set[str],
    command: ConfigImport,
    author: Author,
) -> Decided:
    config = candidate.config
    if config is None:
        return _refused(candidate)
    first = firsts.get(name_key(config.name))
    if first is not None:
        return _refused(candidate, _twice(f"in line {first.line}"))
    holder = holders.get(name_key(config.name))
    if holder is None:
        return _add(candidate, config, ids, command, author)
    return _meet(candidate, config, holder, command, author)


def _meet(
    candidate: Candidate, config: TokenConfig, holder: StoredConfig, command: ConfigImport, author: Author
) -> Decided:
    """Decide on a record whose name is held."""
    if holder.text == candidate.record.text and holder.deleted_at is None:
        return _reported(candidate, "unchanged", holder)
    if holder.import_id == command.import_id:
        return _refused(candidate, _twice("in an earlier part"))
    if holder.deleted_at is not None or name_key(holder.config.name) != name_key(config.name):
        return _refused(candidate, _held(holder, config.name))
    if not command.overwrite:
        return _reported(candidate, "skipped", holder, _EXISTS)
    return _overwrite(candidate, config, holder, command, author)


def _add(candidate: Candidate, config: TokenConfig, ids: set[str], command: ConfigImport, author: Author) -> Decided:
    record = candidate.record
    if record.config_id in ids:
        return _refused(candidate, _ID_TAKEN)
    first = replace(first_revision(record.config_id, config, record.text, author), import_id=command.import_id)
    change = Change(None, first, "import_added", author, findings=candidate.findings)
    return replace(_reported(candidate, "added", first), change=change)


def _overwrite(
    candidate: Candidate, config: TokenConfig, holder: StoredConfig, command: ConfigImport, author: Author
) -> Decided:
    written = Written(config, candidate.record.text, candidate.findings)
    decision = keep_text(holder, written, author, "import_overwrote")
    if isinstance(decision, Refusal):
        return _refused(
            candidate, *(_finding(detail.field, detail.problem, detail.cure) for detail in decision.details)
        )
    after = replace(decision.after, import_id=command.import_id)
    login = _LOGIN.get(decision.new_login)
    reported = _reported(candidate, "overwritten", after, *(() if login is None else (login,)))
    return replace(reported, change=replace(decision, after=after))


def _reported(candidate: Candidate, outcome: str, stored: StoredConfig | None, *findings: Finding) -> Decided:
    record = candidate.record
    return Decided(
        RecordReport.model_validate(
            {
                "index": record.index,
                "line": record.line,
                "name": name_in(record.text) if candidate.config is None else candidate.config.name,
                "outcome": outcome,
                "config_id": None if stored is None else stored.config_id,
                "revision": None if stored is None else stored.revision,
                "findings": (*findings, *candidate.findings),
            }
        )
    )


def _refused(candidate: Candidate, *findings: Finding) -> Decided:
    return _reported(candidate, "refused", None, *findings)


def _candidate(record: ImportRecord, found: Record, rings: Collection[str]) -> Candidate:
    foreign = None if found.config is None else foreign_secret(found.config, rings)
    told = found.findings if foreign is None else (foreign, *found.findings)
    return Candidate(record, found.config, tuple(_in_file(finding, record) for finding in told))


def _in_file(finding: Finding, record: ImportRecord) -> Finding:
    return finding if finding.line is None else finding.model_copy(update={"line": finding.line + record.line - 1})


def _finding(field: str | None, message: str, cure: str, code: str = "refused") -> Finding:
    return Finding(level="error", code=code, field=field, message=message, cure=cure)


def _twice(where: str) -> Finding:
    message = f"The same name stands {where} of this import; that record counts."
    return _finding("Name", message, "Rename one of the two.", "duplicate_name")


def _held(holder: StoredConfig, name: str) -> Finding:
    if holder.deleted_at is not None:
        message, cure = f"{name!r} is held by a deleted token.", "Undelete that one, or release its name."
    else:
        message, cure = f"{name!r} is a former name of {holder.config.name!r}.", "Release it there."
    return _finding("Name", message, cure, "name_taken")


_ID_TAKEN = _finding(None, "The id chosen for this record is taken.", "Import it again, with a new id.", "id_taken")
_EXISTS = Finding(
    level="note",
    code="exists",
    field="Name",
    message="A token of this name exists and was left as it is.",
    cure="Import with overwrite to replace it.",
)
_LOGIN = {
    "required": Finding(
        level="warning",
        code="new_login_required",
        message="Another client or host: the access token is served to its end, then a new login is needed.",
        cure="Request a new token after the import.",
    ),
    "advised": Finding(
        level="note",
        code="new_login_advised",
        message="Another scope: the grant keeps the scope it was given until a new login.",
        cure="Request a new token to get the new scope.",
    ),
}
