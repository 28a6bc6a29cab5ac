"""What a provider said, for the admin: Znuny's wording, without anything that could open a mailbox.

`message (error code c): description`; lists are joined by commas. Secrets that we sent, addresses and whatever looks
like a token are cut out, since some providers echo the request.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus

MAX_LENGTH: Final = 500
_ADDRESS = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
# A GUID has 36 characters and must survive: support asks for it.
_TOKEN_LIKE = re.compile(r"(?:[A-Za-z0-9_-]+\.)*[A-Za-z0-9+/=_~-]{37,}|[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]{10,})+")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_TARGETS: Final = (("ErrorMessage", "error"), ("ErrorCode", "error_codes"), ("ErrorDescription", "error_description"))
SHORTEST_SECRET: Final = 6
"""A shorter value stands in ordinary words, and cutting it would tell which letters it has."""


def error_text(payload: Mapping[str, Any], response: Mapping[str, str], secrets: Iterable[str] = ()) -> str:
    """Write the error of an answer as one line of at most MAX_LENGTH characters; empty if there is none."""
    message, code, description = (_said(payload, response, *names) for names in _TARGETS)
    text = f"{message} (error code {code})" if message and code else message or (f"Error code {code}" if code else "")
    if description:
        text = f"{text}: {description}" if text else description
    return clean(text, secrets)


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """Cut secrets, addresses and control characters out of what somebody else wrote."""
    long_enough = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
    echoed = {form for secret in long_enough for form in (secret, quote_plus(secret), quote(secret, safe=""))}
    for form in sorted(echoed, key=len, reverse=True):
        text = text.replace(form, "[secret]")
    text = _UNPRINTABLE.sub(" ", _ADDRESS.sub("[address]", text))
    text = _TOKEN_LIKE.sub("[cut]", text).strip()
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + "…"


def _said(payload: Mapping[str, Any], response: Mapping[str, str], target: str, standard: str) -> str:
    names = [name for name, mapped in response.items() if mapped == target]
    return next((_text(payload[name]) for name in (*names, standard) if payload.get(name) is not None), "")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    return json.dumps(value, ensure_ascii=False)
