"""Whose field a service's complaint is about: its paths, of the command or of the YAML, to fields of the form."""

import re
from collections.abc import Container, Mapping
from typing import Final

from grantkeeper_client import ReplyError
from schemas.replies import Detail
from services.console import views

_FIELDS: Final[Mapping[str, str]] = {
    "name": "name",
    "clientid": "client_id",
    "clientsecret": "client_secret",
    "scope": "scope",
    "validid": "validity",
    "validity": "validity",
    "mailboxlogin": "mailbox_login",
    "clientsecretends": "client_secret_ends",
    "issuer": "issuer",
    "revocationendpoint": "revocation_endpoint",
    "deviceauthorizationendpoint": "device_authorization_endpoint",
}
"""By the last part of a path as one word: `fields.options.mailbox_login`, `Config.Grantkeeper.MailboxLogin`."""
_OWNERS: Final = frozenset({"", "fields", "fields.options", "options", "Config", "Config.Grantkeeper"})
_REQUEST: Final = re.compile(r"(?:fields\.|Config\.)?[Rr]equests\.(\w+)(?:\.(?:Request\.)?(\w+))?.*")


def field_of(path: str | None) -> str:
    """Return the name of the form's field that a path is about; empty = none of them."""
    request = _REQUEST.fullmatch(path or "")
    if request is not None:
        kind = "parameters" if (request[2] or "").lower() == "parameters" else "url"
        return f"{kind}.{request[1]}"
    owner, _, last = (path or "").rpartition(".")
    return _FIELDS.get(last.lower().replace("_", ""), "") if owner in _OWNERS else ""


def by_field(error: ReplyError, fields: Container[str]) -> dict[str, str]:
    """Sort a service's complaints to those of `fields` they are about; the others belong to the whole form."""
    found = (Detail.read(detail) for detail in error.details)
    return {field_of(one.field): views.detail(one) for one in found if field_of(one.field) in fields}
