"""All that the provider remembers: in memory, and written through to a file where one was named.

A change is written before the answer leaves (`flush`), so that a killed provider knows every token it handed out.
"""

import heapq
import json
import os
import sqlite3
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar, cast

from devstack.provider.records import (
    AccessToken,
    Code,
    Consent,
    DeviceCode,
    Document,
    Grant,
    Mortal,
    Record,
    RefreshToken,
)

KINDS: dict[str, type[Record]] = {
    kind.__name__: kind for kind in (Grant, Code, DeviceCode, AccessToken, RefreshToken, Consent, Document)
}
R = TypeVar("R", Grant, Code, DeviceCode, AccessToken, RefreshToken, Consent, Document)


class Store:
    def __init__(self, path: Path | None = None) -> None:
        self._tables: dict[type[Record], dict[str, Record]] = {kind: {} for kind in KINDS.values()}
        self._due: list[tuple[float, str, str]] = []  # when to forget which record, soonest first
        self._changed: dict[tuple[str, str], Record] = {}
        self._file = None if path is None else _open(path)
        self._load()

    def get(self, kind: type[R], record_id: str) -> R | None:
        return cast("R | None", self._tables[kind].get(record_id))

    def all(self, kind: type[R]) -> list[R]:
        return cast("list[R]", list(self._tables[kind].values()))

    def put(self, record: Record) -> None:
        """Keep `record`, until its `forget_at` where it has one."""
        kind = type(record)
        self._tables[kind][record.id] = record
        self._note_end(record)
        if self._file is not None:
            self._changed[kind.__name__, record.id] = record

    def flush(self) -> None:
        if self._file is None or not self._changed:
            return
        rows = [(kind, key, _text(record)) for (kind, key), record in self._changed.items()]
        with self._file:
            self._file.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", rows)
        self._changed.clear()

    def forget_due(self, now: float) -> None:
        gone = []
        while self._due and self._due[0][0] <= now:
            due, kind, key = heapq.heappop(self._due)
            record = self._tables[KINDS[kind]].get(key)
            if isinstance(record, Mortal) and record.forget_at == due:  # else its end has moved since
                del self._tables[KINDS[kind]][key]
                gone.append((kind, key))
        if gone and self._file is not None:
            with self._file:
                self._file.executemany("DELETE FROM records WHERE kind = ? AND id = ?", gone)

    def _note_end(self, record: Record) -> None:
        if isinstance(record, Mortal) and record.forget_at is not None:
            heapq.heappush(self._due, (record.forget_at, type(record).__name__, record.id))

    def close(self) -> None:
        if self._file is not None:
            self.flush()
            self._file.close()

    def _load(self) -> None:
        if self._file is None:
            return
        for kind, body in self._file.execute("SELECT kind, body FROM records"):
            record = _record(KINDS[kind], body)
            self._tables[KINDS[kind]][record.id] = record
            self._note_end(record)


def _open(path: Path) -> sqlite3.Connection:
    """The data file, readable by its owner alone: it holds the provider's own signing key and client secrets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    file = sqlite3.connect(path)
    file.execute("PRAGMA journal_mode = WAL")
    file.execute("PRAGMA synchronous = OFF")  # a killed process loses nothing; only a power cut might
    file.execute(
        "CREATE TABLE IF NOT EXISTS records (kind TEXT, id TEXT, body TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID"
    )
    return file


def _text(record: Record) -> str:
    fields = asdict(record)
    fields.pop("answered", None)
    fields.pop("latest", None)
    return json.dumps(fields)


def _record(kind: type[Record], body: str) -> Record:
    fields = json.loads(body)
    if "scope" in fields:
        fields["scope"] = tuple(fields["scope"])
    return kind(**fields)
