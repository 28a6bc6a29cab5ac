"""What came back over HTTP, as values: the door fills it, everything else reads it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

RETRY_AFTER_MAX: Final = 3600.0
"""Seconds; a provider that asks for longer is asked again hourly (MSAL's bound too)."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer; the body may hold tokens and is hidden."""

    status: int
    headers: Mapping[str, str]
    """Names in small letters; only those in `KEPT_HEADERS`."""
    body: bytes = field(repr=False)
    latency: float = 0.0
    """Seconds from the start of the call to the last byte."""

    @property
    def succeeded(self) -> bool:
        """Whether the status is a 2xx."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


KEPT_HEADERS: Final = frozenset({"date", "retry-after", "x-ms-request-id", "x-request-id"})


class NotJson(Exception):
    """The body is not one JSON object in UTF-8: a proxy or an error page spoke instead of the provider."""


def json_object(answer: HttpAnswer) -> dict[str, Any]:
    """Read the body as a JSON object, whatever its content type says; raises NotJson."""
    try:
        value = json.loads(answer.body.decode("utf-8-sig"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise NotJson(NotJson.__doc__) from None
    if not isinstance(value, dict):
        raise NotJson(NotJson.__doc__)
    return value


def _no_constant(name: str) -> float:
    raise ValueError(name)


def retry_after(answer: HttpAnswer, now: datetime) -> float | None:
    """Return the seconds that `Retry-After` asks for, at most RETRY_AFTER_MAX (RFC 9110 section 10.2.3).

    A date is counted from the answer's own `Date`, so that a wrong clock here does not matter.
    """
    given = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", given, re.ASCII):
        return min(float(given), RETRY_AFTER_MAX)
    until = _http_date(given)
    if until is None:
        return None
    since = _http_date(answer.headers.get("date", "")) or now
    return min(max((until - since).total_seconds(), 0.0), RETRY_AFTER_MAX)


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # an absurd zone overflows
        return None
    return date if date.tzinfo is not None else None


_CORRELATION = re.compile(r"[A-Za-z0-9._-]{1,100}")


def correlation_id(answer: HttpAnswer, payload: Mapping[str, Any]) -> str | None:
    """Return what the provider's support asks for: Microsoft's trace id, else a request id."""
    found = (payload.get("trace_id"), payload.get("correlation_id"))
    ids = (*found, answer.headers.get("x-ms-request-id"), answer.headers.get("x-request-id"))
    return next((value for value in ids if isinstance(value, str) and _CORRELATION.fullmatch(value)), None)
