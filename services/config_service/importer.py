"""Import of one chunk: read all records, decide on each, store the good ones together; a dry run stores nothing."""

import asyncio
from collections.abc import Collection
from functools import partial
from typing import Final

from grantkeeper.bus.received import Place
from grantkeeper.mongo.transaction import Session
from schemas.config_commands import ConfigImport
from schemas.config_results import ImportReport
from services.config_service.domain.imports import Candidate, decide, read_records
from services.config_service.domain.values import Author, Change
from services.config_service.plain_secret import with_place
from services.config_service.store import ConfigStore

LOOP_BYTES: Final = 16_384
"""A chunk above this is read in a thread: 64 KiB of dense YAML take 0.2 s, and Kafka wants its heartbeat."""


class Importer:
    """Works on chunks; each is complete in itself."""

    def __init__(self, store: ConfigStore, rings: Collection[str]) -> None:
        self._store = store
        self._rings = rings

    async def read(self, command: ConfigImport, place: Place) -> list[Candidate]:
        """Read the records, before any transaction; plain secrets are told with their place on the broker."""
        size = sum(len(record.text) for record in command.records)
        read = partial(read_records, command.records, self._rings)
        candidates = await asyncio.to_thread(read) if size > LOOP_BYTES else read()
        return [Candidate(one.record, one.config, with_place(one.findings, place)) for one in candidates]

    async def decide(
        self, command: ConfigImport, candidates: list[Candidate], author: Author, session: Session | None
    ) -> tuple[ImportReport, list[Change]]:
        """Return the report, and the changes to store; none of them in a dry run."""
        names = [one.config.name for one in candidates if one.config is not None]
        holders = await self._store.holders(names, session)
        ids = await self._store.ids_in_use([one.record.config_id for one in candidates], session)
        decided = decide(candidates, holders, ids, command, author)
        report = ImportReport(
            import_id=command.import_id,
            chunk=command.chunk,
            dry_run=command.dry_run,
            records=tuple(one.report for one in decided),
        )
        changes = [one.change for one in decided if one.change is not None and one.change.stores]
        return report, [] if command.dry_run else changes
