"""Reads documents of `grants` one by one: one that this version cannot read costs its neighbours nothing, and is shown.

A newer version may have stored a word that this one does not know, or a hand at the database something that is none.
"""

from collections.abc import Sequence
from typing import Final

from grantkeeper.process.clock import Clock
from grantkeeper.process.logging import get_logger
from grantkeeper.process.metrics import Metrics
from services.refresher.document import Document, from_document
from services.refresher.domain.record import Record

log = get_logger(__name__)

SHOWN_FOR: Final = 600.0
"""Seconds after which one that is not met any more is no problem any more: it may be gone."""


class UnreadableDocument(Exception):
    """A document that this version cannot read."""


class Reading:
    """Reads; remembers what could not be read."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._unreadable: dict[str, float] = {}
        """Config id -> monotonic time at which it was met last."""

    def whole(self, documents: Sequence[Document]) -> list[Record]:
        """Read documents that were asked for by name; raises UnreadableDocument, as they are not missing."""
        records = self.readable(documents)
        if len(records) < len(documents):
            unreadable = {document["_id"] for document in documents} - {record.config_id for record in records}
            raise UnreadableDocument(f"this version cannot read the document of {min(unreadable)}")
        return records

    def readable(self, documents: Sequence[Document]) -> list[Record]:
        """Read what can be read."""
        read = (self._read(document) for document in documents)
        return [record for record in read if record is not None]

    def problems(self) -> list[str]:
        """Say whether some could not be read."""
        since = self._clock.monotonic() - SHOWN_FOR
        self._unreadable = {config_id: at for config_id, at in self._unreadable.items() if at > since}
        if not self._unreadable:
            return []
        number, first = len(self._unreadable), min(self._unreadable)
        return [f"{number} documents of grants cannot be read by this version, and are passed over; first: {first}"]

    def _read(self, document: Document) -> Record | None:
        config_id = document["_id"]
        try:
            record = from_document(document)
        except Exception as error:  # noqa: BLE001 - whatever it is, the neighbours go on
            self._unreadable[config_id] = self._clock.monotonic()
            self._metrics.count("unreadable_documents")
            log.error(  # noqa: TRY400 - no trace: the words say it
                "document cannot be read", config_id=config_id, error=f"{type(error).__name__}: {error}"
            )
            return None
        if self._unreadable:
            self._unreadable.pop(config_id, None)
        return record
