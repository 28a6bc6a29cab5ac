"""One HTTP answer as a value, so that a fault can replace, change or cut it before it is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson

JSON = "application/json;charset=UTF-8"
# RFC 6749 section 5.1: token answers are never kept by anything between.
NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = field(repr=False)
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.status < HTTPStatus.BAD_REQUEST

    @property
    def error(self) -> str | None:
        """The `error` of an OAuth error answer, for the journal."""
        if self.ok or not self.content_type.startswith("application/json"):
            return None
        body = orjson.loads(self.body)
        return body.get("error") if isinstance(body, dict) else None


def json_answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, orjson.dumps(body), headers=NO_STORE if headers is None else NO_STORE | dict(headers))
