"""Export: the records' own texts, a page at a time; secrets in them are sealed and stay so."""

import json
from typing import Final

from schemas.config_commands import ConfigExport
from schemas.config_results import ExportPage
from services.config_service.config_edits import not_found
from services.config_service.domain.values import Refusal, StoredConfig
from services.config_service.pages import fitting
from services.config_service.store import ConfigStore

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
        shown = fitting(found, _size)
        complete = len(found) < READ_AT_ONCE and len(shown) == len(found)
        cursor = None if complete else shown[-1].config_id
        return ExportPage(records=tuple(one.text for one in shown), cursor=cursor)

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


def _size(one: StoredConfig) -> int:
    """Return the bytes of a text in the reply: JSON escapes line ends and quotes."""
    return len(json.dumps(one.text, ensure_ascii=False).encode())
