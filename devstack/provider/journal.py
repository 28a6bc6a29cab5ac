"""What was asked and how it ended, without one readable secret: tokens and codes appear as 16 hex of their sha256.

An entry is *open* from the moment its request was read until the last byte of its answer was written.
"""

from collections import deque
from dataclasses import dataclass
from typing import Literal

from devstack.provider.form import FormRequest
from devstack.provider.records import fingerprint

# Newest entries kept; enough for a long test, bounded for a long `make run`.
KEPT = 200_000
SECRET_PARAMETERS = ("refresh_token", "code", "token", "assertion")
Ending = Literal["answered", "half", "lost", "endless", "client_gone"]


@dataclass(slots=True)
class Entry:
    """Times are POSIX seconds of the provider's clock."""

    number: int
    endpoint: str
    realm: str
    client_id: str | None
    grant_type: str | None
    secret: str | None  # sha256-16 of what was presented: refresh token, code, token or assertion
    scope: str | None
    received_at: float
    finished_at: float | None = None
    fault: int | None = None
    processed: bool = False
    issued: str | None = None  # the same of the refresh token that the work yielded, whether it arrived or not
    status: int | None = None
    outcome: str | None = None  # ok, or the error code, or http_<status>
    ending: Ending | None = None
    caller: str | None = None
    """The name that was given to the proxy, where the provider itself stands as one: tells processes apart."""

    @property
    def is_open(self) -> bool:
        return self.finished_at is None


class Journal:
    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._last_number = 0

    def begin(self, endpoint: str, request: FormRequest, client_id: str | None, now: float) -> Entry:
        self._last_number += 1
        entry = Entry(
            number=self._last_number,
            endpoint=endpoint,
            realm=request.realm,
            client_id=client_id,
            grant_type=request.parameters.get("grant_type"),
            secret=_presented(request),
            scope=request.parameters.get("scope"),
            received_at=now,
        )
        self._entries.append(entry)
        return entry

    def entries(
        self, *, since: int = 0, realm: str | None = None, endpoint: str | None = None, only_open: bool = False
    ) -> list[Entry]:
        """Entries with a number above `since`, oldest first."""
        return [
            entry
            for entry in self._entries
            if entry.number > since
            and realm in (None, entry.realm)
            and endpoint in (None, entry.endpoint)
            and (entry.is_open or not only_open)
        ]

    def clear(self) -> None:
        """Forget all entries; numbers go on, so that `since` stays true."""
        self._entries.clear()


def _presented(request: FormRequest) -> str | None:
    for name in SECRET_PARAMETERS:
        if name in request.parameters:
            return fingerprint(request.parameters[name])
    return None
