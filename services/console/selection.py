"""What the overview shows: filter, sort and page, read from an address and written back into one."""

from dataclasses import dataclass, replace
from typing import Final, Literal, Self, cast, get_args
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from schemas.reasons import PUBLIC_STATES, PublicState
from schemas.token_config import Validity
from schemas.token_requests import TokenList

Sort = Literal["name", "state", "expires_at", "next_refresh_at", "changed_at", "template"]
PAGE_SIZE: Final = 50
MOST_PAGES: Final = 100_000
SEARCH_LENGTH: Final = 250
CLIENT_LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class Selection:
    """One view of the overview; everything that is not understood is passed over."""

    search: str = ""
    state: PublicState | None = None
    validity: Validity | None = None
    client: str = ""
    deleted: bool = False
    sort: Sort = "name"
    descending: bool = False
    page: int = 1

    @classmethod
    def read(cls, query: QueryParams) -> Self:
        """Read the address."""
        state, validity, sort = query.get("state"), query.get("validity"), query.get("sort")
        return cls(
            search=query.get("search", "").strip()[:SEARCH_LENGTH],
            state=cast("PublicState", state) if state in PUBLIC_STATES else None,
            validity=cast("Validity", validity) if validity in get_args(Validity) else None,
            client=query.get("client", "")[:CLIENT_LENGTH],
            deleted="deleted" in query,
            sort=cast("Sort", sort) if sort in get_args(Sort) else "name",
            descending="descending" in query,
            page=page_number(query.get("page")),
        )

    @property
    def filters(self) -> bool:
        """Whether anything is left out."""
        return bool(self.search or self.state or self.validity or self.client or self.deleted)

    def request(self) -> TokenList:
        """Ask for this page."""
        return TokenList(
            search=self.search or None,
            states=(self.state,) if self.state else (),
            validity=(self.validity,) if self.validity else (),
            client=self.client or None,
            deleted=self.deleted,
            sort=self.sort,
            descending=self.descending,
            offset=(self.page - 1) * PAGE_SIZE,
            limit=PAGE_SIZE,
        )

    def address(self, **changes: object) -> str:
        """Write the address of this view, or of one that differs in something; a change leads to its first page."""
        other = replace(self, **{"page": 1, **changes})  # type: ignore[arg-type]  # templates pass literals
        said = {
            "search": other.search,
            "state": other.state,
            "validity": other.validity,
            "client": other.client,
            "deleted": "1" if other.deleted else "",
            "sort": other.sort if other.sort != "name" else "",
            "descending": "1" if other.descending else "",
            "page": str(other.page) if other.page > 1 else "",
        }
        query = urlencode({name: value for name, value in said.items() if value})
        return f"/tokens?{query}" if query else "/tokens"

    def sorted_by(self, sort: Sort) -> str:
        """Write the address that sorts by a column, the other way round if it does already."""
        return self.address(sort=sort, descending=self.sort == sort and not self.descending)


def page_number(text: str | None) -> int:
    """Read the number of a page; what is none is the first."""
    fits = text is not None and text.isascii() and text.isdigit() and len(text) <= len(str(MOST_PAGES))
    return max(1, min(int(text or 1), MOST_PAGES)) if fits else 1
