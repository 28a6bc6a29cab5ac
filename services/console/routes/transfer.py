"""Import with a preview, and export: a file in, a report per record; a file out.

The file is read twice rather than kept between preview and import: nothing of it stays on this server, and the page
keeps the chosen file where the browser has a script.
"""

import asyncio
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from typing import Final

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from grantkeeper.strict_yaml import FILE_LIMIT, StrictYamlError
from grantkeeper.transfer import Prepared, chunks, cut, export_name, export_text, foreseen, seal_all
from grantkeeper_client import ReplyError
from schemas.config_commands import ConfigExport, ConfigImport, ImportRecord
from schemas.config_results import ExportPage, ImportReport, RecordReport
from services.console import views
from services.console.asking import BULK, NoAnswer
from services.console.console import Console
from services.console.routes.problems import error_lines
from services.console.security import TooLarge

IMPORT_PATH: Final = "/transfer/import"
REQUEST_LIMIT: Final = FILE_LIMIT + 65_536
"""Bytes of a whole import request: the file and its form."""
SLICE: Final = 50
"""Records sealed in one go: some tenths of a second."""
SHOWN: Final = 200
"""Records listed one by one beside the refused ones."""
REFUSED_SHOWN: Final = 300
"""Refused records listed one by one; drawing a row holds up every other page."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became, or would become, of the records of one file."""

    records: tuple[RecordReport, ...]
    total: int
    complete: bool

    def count(self, outcome: str) -> int:
        """Return how many records ended so."""
        return sum(record.outcome == outcome for record in self.records)

    def shown(self) -> list[RecordReport]:
        """Return the first refused records, then the first of the others."""
        refused = (record for record in self.records if record.outcome == "refused")
        others = (record for record in self.records if record.outcome != "refused")
        return [*islice(refused, REFUSED_SHOWN), *islice(others, SHOWN)]


class Transfer:
    """The page Import / Export."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[Route]:
        return [
            Route("/transfer", self.show, methods=["GET"]),
            Route(IMPORT_PATH, self.take, methods=["POST"]),
            Route("/transfer/export", self.export_all, methods=["GET"]),
            Route("/transfer/export", self.export_selected, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        return self._page(request)

    async def take(self, request: Request) -> Response:
        """Preview or import; whatever goes wrong is said in the report's place, so that the chosen file stays."""
        words = self._console.words(request)
        try:
            return await self._take(request)
        except TooLarge:
            return self._page(request, error=words("transfer.too_large", limit=FILE_LIMIT >> 20), status=413)
        except NoAnswer:
            return self._page(request, error=f"{words('bus.down')} {words('bus.down_hint')}", status=503)
        except ReplyError as error:
            return self._page(request, error=" ".join(error_lines(error, words)), status=409)

    async def _take(self, request: Request) -> Response:
        upload = await _read_upload(request)
        words = self._console.words(request)
        if not upload.raw:
            return self._page(request, error=words("transfer.empty"), overwrite=upload.overwrite, status=422)
        try:
            prepared = await self._prepare(upload.raw)
        except StrictYamlError as error:
            text = f"{words('transfer.cannot_read')} {error}"
            return self._page(request, error=text, overwrite=upload.overwrite, status=422)
        digest = (await asyncio.to_thread(sha256, upload.raw)).hexdigest()
        other_file = upload.wanted and upload.previewed != digest
        dry_run = other_file or not upload.wanted
        report = await self._import(request, prepared, overwrite=upload.overwrite, dry_run=dry_run)
        note = words("transfer.other_file") if other_file else ""
        return self._page(request, report=report, dry_run=dry_run, digest=digest, overwrite=upload.overwrite, note=note)

    async def _prepare(self, raw: bytes) -> Prepared:
        """Cut and seal beside the event loop: a large file takes a minute, in which others want their pages.

        In slices, so that a console that is stopped meanwhile need not wait for the end of the file.
        """
        key, ids = self._console.installation_key, self._console.ids
        records = await asyncio.to_thread(cut, raw)
        sealed, refused = list[ImportRecord](), list[RecordReport]()
        for start in range(0, len(records), SLICE):
            part = await asyncio.to_thread(seal_all, records[start : start + SLICE], key, ids)
            sealed += part.records
            refused += part.refused
        return Prepared(tuple(sealed), tuple(refused))

    async def export_all(self, request: Request) -> Response:
        return await self._export(request, None)

    async def export_selected(self, request: Request) -> Response:
        """Export the tokens whose ids the overview's form names."""
        chosen = tuple(dict.fromkeys(str(one) for one in (await request.form()).getlist("config")))
        if not chosen:
            return self._page(request, error=self._console.words(request)("transfer.none_selected"), status=422)
        return await self._export(request, chosen)

    async def _export(self, request: Request, configs: tuple[str, ...] | None) -> Response:
        texts: list[str] = []
        cursor: str | None = None
        while True:
            page = await self._console.ask(request, ConfigExport(configs=configs, cursor=cursor), ExportPage)
            texts.extend(page.records)
            cursor = page.cursor
            if cursor is None:
                break
        name = export_name(self._console.clock.now())
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        text = await asyncio.to_thread(export_text, texts)
        return Response(text, media_type="application/yaml", headers=headers)

    async def _import(self, request: Request, prepared: Prepared, *, overwrite: bool, dry_run: bool) -> Report:
        """Send chunk after chunk; where nobody answers any more, report what is stored so far."""
        import_id, done = self._console.ids.uuid7(), list(prepared.refused)
        total = len(prepared.records) + len(prepared.refused)
        for number, records in enumerate(chunks(prepared.records)):
            command = ConfigImport(
                import_id=import_id, chunk=number, overwrite=overwrite, dry_run=dry_run, records=records
            )
            try:
                report = await self._send(request, command)
            except NoAnswer:
                if not done:
                    raise
                return Report(tuple(done), total, complete=False)
            done.extend(report.records)
        done.sort(key=lambda record: record.index)
        if dry_run:
            done = await asyncio.to_thread(foreseen, done, prepared.records)
        return Report(tuple(done), total, complete=True)

    async def _send(self, request: Request, command: ConfigImport) -> ImportReport:
        """Send a chunk, twice where nobody answers: under one id that is the same as once."""
        again = {"config_id": command.import_id, "deadline": BULK, "message_id": f"{command.import_id}-{command.chunk}"}
        try:
            return await self._console.ask(request, command, ImportReport, **again)
        except NoAnswer:
            return await self._console.ask(request, command, ImportReport, **again)

    def _page(
        self,
        request: Request,
        *,
        report: Report | None = None,
        dry_run: bool = True,
        digest: str = "",
        overwrite: bool = False,
        error: str = "",
        note: str = "",
        status: int = 200,
    ) -> Response:
        words = self._console.words(request)
        remarks = {}
        if report is not None:
            remarks = {
                record.index: [views.finding(one, words) for one in record.findings] for record in report.shown()
            }
        return self._console.page(
            request,
            "transfer.html",
            status=status,
            report=report,
            remarks=remarks,
            dry_run=dry_run,
            digest=digest,
            overwrite=overwrite,
            error=error,
            note=note,
            most=SHOWN,
            most_refused=REFUSED_SHOWN,
        )


@dataclass(frozen=True, slots=True)
class Upload:
    """One import form."""

    raw: bytes = field(repr=False)
    wanted: bool
    """Import, not preview."""
    previewed: str
    """SHA-256 of the file that was previewed."""
    overwrite: bool


async def _read_upload(request: Request) -> Upload:
    """Read the form in memory: the file may hold secrets in the clear, so no temporary file is written."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return Upload(b"", wanted=False, previewed="", overwrite=False)
    parser = MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=10)
    parser.spool_max_size = REQUEST_LIMIT
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400) from error
    try:
        file = form.get("file")
        raw = await file.read() if isinstance(file, UploadFile) else b""
    finally:
        await form.close()
    previewed = str(form.get("previewed", ""))
    return Upload(raw, form.get("action") == "import", previewed, bool(form.get("overwrite")))
