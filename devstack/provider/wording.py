"""Error bodies in the shape Microsoft and Google give them, so that nobody classifies by our own wording."""

import uuid
from datetime import UTC, datetime
from typing import Any


def microsoft_error(error: str, aadsts: int, text: str, now: float, *, suberror: str | None = None) -> dict[str, Any]:
    """A token endpoint error of the Microsoft identity platform v2; `now` is POSIX seconds."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    description = f"AADSTS{aadsts}: {text}. Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
    body: dict[str, Any] = {
        "error": error,
        "error_description": description,
        "error_codes": [aadsts],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={aadsts}",
    }
    return body if suberror is None else body | {"suberror": suberror}


def google_error(error: str, description: str, *, subtype: str | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {"error": error, "error_description": description}
    return body if subtype is None else body | {"error_subtype": subtype}
