"""The overview: one page of public states, filtered, sorted, with numbers over the whole selection.

A paused client's grants keep their own state in the store; here the fault shows through, by the same rule as in
`domain/status.py`.
"""

import re
from typing import Any, Final

from grantkeeper.bus.reply import success
from schemas.reasons import PublicState
from schemas.replies import Reply
from schemas.token_requests import TokenList, TokenPage
from services.refresher.announce import status_of
from services.refresher.clients import Clients
from services.refresher.domain.status import OVERLAID_BY_CLIENT
from services.refresher.store import GrantStore

SORT_FIELDS: Final = {
    "name": "sorted_name",
    "state": "state",
    "expires_at": "grant.expires_at",
    "next_refresh_at": "next_refresh_at",
    "changed_at": "changed_at",
    "template": "config.template",
}


class Overview:
    """Answers `token.list`."""

    def __init__(self, store: GrantStore, clients: Clients) -> None:
        self._store = store
        self._clients = clients

    async def page(self, message: TokenList) -> Reply:
        """Read one page and the numbers of each state before the filter by state."""
        faulty = self._clients.faulty()
        selection = selected(message)
        states = await self._store.count_states(selection, faulty, sorted(OVERLAID_BY_CLIENT))
        wanted = set(message.states) or set(states)
        filtered = selection if not message.states else {"$and": [selection, in_states(message.states, faulty)]}
        direction = -1 if message.descending else 1
        sort = [(sort_field(message), direction), ("_id", 1)]
        records = await self._store.page(filtered, sort, message.offset, message.limit)
        page = TokenPage(
            rows=tuple(status_of(record, client_faulty=record.client in faulty) for record in records),
            total=sum(number for state, number in states.items() if state in wanted),
            states=states,
        )
        return success(page.model_dump(mode="json", exclude_none=True))


def selected(message: TokenList) -> dict[str, Any]:
    """Make the query of everything but the states."""
    query: dict[str, Any] = {"deleted": message.deleted, "purged": False}
    if message.search:
        query["search"] = {"$regex": re.escape(message.search.casefold())}
    if message.validity:
        query["config.validity"] = {"$in": list(message.validity)}
    if message.client is not None:
        query["client"] = message.client
    if message.used_by is not None:
        query[_day_of(message.used_by)] = {"$exists": True}
    return query


def sort_field(message: TokenList) -> str:
    """Name the stored field that a page is sorted by."""
    if message.sort != "used":
        return SORT_FIELDS[message.sort]
    return SORT_FIELDS["name"] if message.used_by is None else _day_of(message.used_by)


def _day_of(principal: str) -> str:
    """Name the field of the day on which a principal got the access token last (`GrantStore.note_use`)."""
    return f"used_by.{principal}"


def in_states(states: tuple[PublicState, ...], faulty: list[str]) -> dict[str, Any]:
    """Make the query of public states: a fault of the client hides what comes after it."""
    own = [state for state in states if state not in OVERLAID_BY_CLIENT]
    hidden = [state for state in states if state in OVERLAID_BY_CLIENT]
    either: list[dict[str, Any]] = [
        {"state": {"$in": own}},
        {"state": {"$in": hidden}, "client": {"$nin": faulty}},
    ]
    if "client_fault" in states:
        either.append({"state": {"$in": sorted(OVERLAID_BY_CLIENT)}, "client": {"$in": faulty}})
    return {"$or": either}
