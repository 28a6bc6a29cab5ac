"""Export: the records' own texts, a page at a time; secrets in them are sealed and stay so."""

import json
from typing import Final

from schemas.config_commands import ConfigExport
from schemas.config_results import ExportPage
from services.config_service.config_edits import not_found
from services.config_service.domain.values import Refusal, StoredConfig
from services.config_service.store import ConfigStore

PAGE_MAX_BYTES: Final = 524_288
"""Of the reply (CONTRACT, request and reply); a broker takes 1 MiB."""
ROOM: Final = 2_048
"""Bytes of a page that are not records: the frame of the reply and its cursor."""
READ_AT_ONCE: Final = 200
"""Configs read per page: at 2 KiB each they fill most of one."""


class Exporter:
    """Reads pages; the cursor is the last config_id, so that edits meanwhile neither repeat nor skip others."""

    def __init__(self, store: ConfigStore) -> None:
        self._store = store

    async def page(self, command: ConfigExport) -> ExportPage | Refusal:
        """Return the page after the command's cursor."""
        among = await self._resolve(command)
        if isinstance(among, Refusal):
            return among
        found = await self._store.page(command.cursor or "", READ_AT_ONCE, among)
        fitting = _fitting(found)
        complete = len(found) < READ_AT_ONCE and len(fitting) == len(found)
        cursor = None if complete else fitting[-1].config_id
        return ExportPage(records=tuple(one.text for one in fitting), cursor=cursor)

    async def _resolve(self, command: ConfigExport) -> list[str] | Refusal | None:
        if command.configs is None:
            return None
        ids = []
        for reference in command.configs:
            stored = await self._store.find(reference)
            if stored is None:
                return not_found(reference, "configs")
            ids.append(stored.config_id)
        return ids


def _fitting(found: list[StoredConfig]) -> list[StoredConfig]:
    """Return as many as fit on a page; one always does, being at most 64 KiB."""
    room = PAGE_MAX_BYTES - ROOM
    fitting: list[StoredConfig] = []
    for one in found:
        # Its size in the reply: JSON escapes line ends and quotes.
        room -= len(json.dumps(one.text, ensure_ascii=False).encode()) + 1
        if fitting and room < 0:
            break
        fitting.append(one)
    return fitting
