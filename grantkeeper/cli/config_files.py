"""Import, export and check of whole files; cutting and sealing are `grantkeeper/transfer.py`'s."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final, get_args

import typer
from rich.console import Console
from rich.progress import Progress

from grantkeeper import transfer
from grantkeeper.cli.asking import BULK, Questions, session_of
from grantkeeper.cli.errors import WrongData
from grantkeeper.cli.files import read_bytes, write_private
from grantkeeper.cli.output import FormatOption, note, say, sentence, shown, structured, table
from grantkeeper.names import name_in
from grantkeeper.process.clock import SYSTEM_IDS
from grantkeeper_client import NoReply
from schemas.config_commands import ConfigExport, ConfigImport, ConfigValidate, ImportRecord
from schemas.config_results import ConfigValidated, ExportPage, ImportReport, RecordOutcome, RecordReport
from schemas.findings import Finding

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="YAML file of one or many token configs.")]
TRIES: Final = 2
"""Of a chunk that nobody answered: the same message id makes doing it twice the same as once."""


def import_(
    context: typer.Context,
    file: FileArgument,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace token configs of the same name; else they are skipped.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, store nothing.")] = False,
    output: FormatOption = "table",
) -> None:
    """Import token configs, Znuny's exports too. Plain client secrets are sealed before they leave this machine."""
    raw = read_bytes(file)

    async def work(questions: Questions) -> list[RecordReport]:
        prepared = transfer.prepare(raw, questions.credential.installation_key, SYSTEM_IDS)
        sent = await _send(questions, prepared.records, overwrite=overwrite, dry_run=dry_run)
        reports = sorted([*prepared.refused, *sent], key=lambda one: one.index)
        return transfer.foreseen(reports, prepared.records) if dry_run else reports

    reports = session_of(context).run(work)
    if not structured(reports, output):
        _print_reports(reports, dry_run=dry_run)
    if any(one.outcome == "refused" for one in reports):
        raise WrongData(_refused(reports))


def export(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Names or ids; none = all.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="Write it there; none = to the terminal.")] = None,
) -> None:
    """Export token configs as YAML that can be imported again; client secrets stay sealed to this installation."""
    text = session_of(context).run(lambda questions: _exported(questions, tuple(names) if names else None))
    if file is None:
        typer.echo(text, nl=False)
    else:
        write_private(file, text)
        say(str(file))


def validate(context: typer.Context, file: FileArgument, output: FormatOption = "table") -> None:
    """Check a file without storing anything."""
    raw = read_bytes(file)

    async def work(questions: Questions) -> list[RecordReport]:
        prepared = transfer.prepare(raw, questions.credential.installation_key, SYSTEM_IDS)
        checked = [await _check(questions, record) for record in prepared.records]
        return sorted([*prepared.refused, *checked], key=lambda one: one.index)

    reports = session_of(context).run(work)
    if not structured(reports, output):
        print_findings(reports)
    if any(one.outcome == "refused" for one in reports):
        raise WrongData(f"{file} has errors")
    note(f"{file}: {len(reports)} token configs, no errors")


def _refused(reports: Sequence[RecordReport]) -> str:
    refused = sum(one.outcome == "refused" for one in reports)
    others = "; the others are as said above" if refused < len(reports) else ""
    return f"{refused} of {len(reports)} records were refused{others}"


async def _send(
    questions: Questions, records: Sequence[ImportRecord], *, overwrite: bool, dry_run: bool
) -> list[RecordReport]:
    import_id = SYSTEM_IDS.uuid7()
    reports: list[RecordReport] = []
    for number, chunk in enumerate(_with_progress(transfer.chunks(records), len(records))):
        message = ConfigImport(
            import_id=import_id, chunk=number, overwrite=overwrite, dry_run=dry_run, records=tuple(chunk)
        )
        try:
            reports += (await _send_chunk(questions, message)).records
        except NoReply as error:
            last = reports[-1].line if reports else 0
            raise NoReply(
                f"nobody answered for the records from line {chunk[0].line} on; {len(reports)} before it are stored "
                f"(last one from line {last}): run the same import again, what is there stays as it is. {error}"
            ) from error
    return reports


async def _send_chunk(questions: Questions, message: ConfigImport) -> ImportReport:
    message_id = f"{message.import_id}-{message.chunk}"
    for _ in range(TRIES - 1):
        try:
            return await questions.ask(message, ImportReport, deadline=BULK, message_id=message_id)
        except NoReply:
            continue
    return await questions.ask(message, ImportReport, deadline=BULK, message_id=message_id)


def _with_progress(chunks: Iterator[tuple[ImportRecord, ...]], total: int) -> Iterator[tuple[ImportRecord, ...]]:
    """Pass chunks on and draw how far it is: on standard error, and only for a person."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("importing", total=total)
        for chunk in chunks:
            yield chunk
            progress.advance(task, len(chunk))


async def _exported(questions: Questions, names: tuple[str, ...] | None) -> str:
    texts: list[str] = []
    cursor: str | None = None
    while True:
        page = await questions.ask(ConfigExport(configs=names, cursor=cursor), ExportPage, deadline=BULK)
        texts += page.records
        cursor = page.cursor
        if cursor is None:
            return transfer.export_text(texts)


async def _check(questions: Questions, record: ImportRecord) -> RecordReport:
    checked = await questions.ask(ConfigValidate(text=record.text), ConfigValidated)
    name = checked.config.name if checked.config is not None else name_in(record.text)
    # The service counts lines of the record, the person those of the file.
    findings = tuple(
        one if one.line is None else one.model_copy(update={"line": one.line + record.line - 1})
        for one in checked.findings
    )
    outcome: RecordOutcome = "unchanged" if checked.ok else "refused"
    return RecordReport(index=record.index, line=record.line, name=name, outcome=outcome, findings=findings)


def _print_reports(reports: Sequence[RecordReport], *, dry_run: bool) -> None:
    print_findings(reports)
    counts = Counter(one.outcome for one in reports)
    told = ", ".join(f"{counts[outcome]} {outcome}" for outcome in get_args(RecordOutcome) if counts[outcome])
    say(f"{'would be: ' if dry_run else ''}{told or 'no records'}")


def print_findings(reports: Sequence[RecordReport]) -> None:
    """Print what is to be said about records, a line each; nothing where there is nothing to say."""
    rows = [(one, finding) for one in reports for finding in one.findings]
    if rows:
        table(
            ("LINE", "TOKEN", "OUTCOME", "LEVEL", "WHAT"),
            [
                (place_of(finding, one.line), one.name, one.outcome, finding.level, sentence_of(finding))
                for one, finding in rows
            ],
        )


def place_of(finding: Finding, line: int) -> str:
    """Say where in the file a finding is."""
    if finding.line is None:
        return str(line)
    return f"{finding.line}:{finding.column}" if finding.column is not None else str(finding.line)


def sentence_of(finding: Finding) -> str:
    """Write a finding as one line."""
    field = f"{finding.field}: " if finding.field else ""
    return shown(f"{field}{sentence(finding.message)} {sentence(finding.cure)}".rstrip())
