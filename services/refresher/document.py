"""Records as documents of `grants` and back; the only place that knows the field names of the collection.

Beside the record stand fields for queries alone: `names` for resolving, the others for the overview.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, Final

from grantkeeper.mongo.fields import known
from schemas.token_config import TokenConfig
from schemas.token_status import LastError
from services.refresher.domain.names import name_keys
from services.refresher.domain.record import (
    Attempt,
    DeviceLogin,
    Grant,
    Lease,
    Origin,
    Quarantined,
    Record,
    Servable,
    Waiter,
    Wish,
)
from services.refresher.domain.schedule import next_refresh_at

Document = dict[str, Any]

OUTSIDE_WRITES: Final = frozenset({"config_id", "waiters", "lease", "used_by"})
"""What `changes` leaves out: the identity, and what has writes of its own: claiming and ending an attempt (`lease`),
beginning to wait and being answered (`waiters`), use (`used_by`)."""

_AS_IT_IS: Final = (
    "revision",
    "config_sequence",
    "client",
    "created_at",
    "changed_at",
    "secret",
    "deleted",
    "purged",
    "due",
    "not_before",
    "failures",
    "error_scope",
    "authorizing_until",
    "state",
    "sequence",
)
_GRANT: Final = tuple(field.name for field in fields(Grant) if field.name not in {"origin", "quarantine"})
_OTHERS: Final = ("origin", "former_names", "grant", "lease", "last_error")
_IN_PROGRESS: Final = ("device", "wishes", "waiters", "told", "attempts", "used_by")

WHOLE: Final[Document] = {**dict.fromkeys((*_AS_IT_IS, *_OTHERS, "config", *_IN_PROGRESS), 1), "now": "$$NOW"}
"""Projection of a whole record, with the database's time as `now`."""

WAITED_FOR: Final[Document] = {"waiters": 1, "outbox": 1, "now": "$$NOW"}
"""Projection of what others may add to a record without changing its sequence."""

_IN_CONFIG: Final = ("name", "validity", "options.mailbox_login", "options.mechanism", "options.servers")
_IN_GRANT: Final = ("state", "generation", "access_token", "obtained_at", "expires_at", "account")
SERVABLE: Final[Document] = {
    **dict.fromkeys(("former_names", "revision", "deleted", "purged"), 1),
    **{f"config.{name}": 1 for name in _IN_CONFIG},
    **{f"grant.{name}": 1 for name in _IN_GRANT},
    "now": "$$NOW",
}
"""Projection of what is needed to hand out an access token, with the database's time as `now`."""


def _flat(value: Any) -> Document:
    """Write a dataclass of plain fields; `dataclasses.asdict` would copy each value deeply, at ten times the price."""
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def waiter_document(waiting: Waiter) -> Document:
    """Write somebody who waits."""
    return _flat(waiting)


def waiter(document: Mapping[str, Any]) -> Waiter:
    """Read somebody who waits."""
    return known(Waiter, document)


def wish_document(wished: Wish) -> Document:
    """Write a wish with its askers."""
    origin = None if wished.origin is None else _flat(wished.origin)
    return {**_flat(wished), "askers": [waiter_document(asker) for asker in wished.askers], "origin": origin}


def wish(document: Mapping[str, Any]) -> Wish:
    """Read a wish with its askers."""
    origin = document.get("origin")
    askers = tuple(waiter(asker) for asker in document["askers"])
    return known(Wish, {**document, "askers": askers, "origin": None if origin is None else known(Origin, origin)})


def _grant_document(grant: Grant) -> Document:
    return {
        **{name: getattr(grant, name) for name in _GRANT},
        "origin": None if grant.origin is None else _flat(grant.origin),
        "quarantine": [_flat(kept) for kept in grant.quarantine],
    }


_WRITERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "config": lambda config: config.model_dump(mode="json", exclude_none=True),
    "origin": _flat,
    "former_names": list,
    "grant": _grant_document,
    "lease": lambda lease: None if lease is None else _flat(lease),
    "last_error": lambda error: None if error is None else error.model_dump(),
    "wishes": lambda wishes: [wish_document(wish) for wish in wishes],
    "waiters": lambda waiters: [waiter_document(waiter) for waiter in waiters],
    "device": lambda device: None if device is None else {**_flat(device), "origin": _flat(device.origin)},
    "told": dict,
    "attempts": lambda attempts: [_flat(attempt) for attempt in attempts],
    "used_by": dict,
}


def to_document(record: Record) -> Document:
    """Write every field but the identity."""
    plain = {name: getattr(record, name) for name in _AS_IT_IS}
    plain["next_refresh_at"] = next_refresh_at(record, record.changed_at)
    return plain | {name: write(getattr(record, name)) for name, write in _WRITERS.items()} | _for_queries(record)


def changes(before: Record, after: Record) -> Document:
    """Return the fields that differ, for `$set`; those that others write are left alone."""
    changed = {name: getattr(after, name) for name in _AS_IT_IS if getattr(before, name) != getattr(after, name)}
    for name, write in _WRITERS.items():
        value = getattr(after, name)
        if name not in OUTSIDE_WRITES and value is not getattr(before, name) and value != getattr(before, name):
            changed[name] = write(value)
    if after.config is not before.config or after.grant.account != before.grant.account:
        changed |= _for_queries(after)
    upcoming = next_refresh_at(after, after.changed_at)
    return changed | {"next_refresh_at": upcoming}


def grant_changes(before: Grant, after: Grant) -> Document:
    """Return the fields of a grant that differ, for `$set`."""
    was, now = _grant_document(before), _grant_document(after)
    return {f"grant.{name}": value for name, value in now.items() if value != was[name]}


def _for_queries(record: Record) -> Document:
    return {
        "names": name_keys(record.config.name, record.former_names),
        "search": _search_text(record),
        "sorted_name": record.config.name.casefold(),
    }


def from_document(document: Mapping[str, Any]) -> Record:
    """Read a whole document."""
    error = document.get("last_error")
    return Record(
        config_id=document["_id"],
        config=TokenConfig.read(document["config"]),
        origin=known(Origin, document["origin"]),
        former_names=tuple(document["former_names"]),
        grant=_grant(document["grant"]),
        lease=_lease(document.get("lease")),
        last_error=None if error is None else LastError.read(error),
        wishes=tuple(wish(each) for each in document["wishes"]),
        waiters=tuple(waiter(each) for each in document["waiters"]),
        device=_device(document.get("device")),
        told=document["told"],
        attempts=tuple(known(Attempt, each) for each in document.get("attempts", ())),
        used_by=document["used_by"],
        **{name: document[name] for name in _AS_IT_IS if name in document},
    )


def servable(document: Mapping[str, Any]) -> Servable:
    """Read a document of the projection SERVABLE."""
    config, grant = document["config"], document["grant"]
    options = config["options"]
    return Servable(
        document["_id"],
        config["name"],
        tuple(document["former_names"]),
        document["revision"],
        config["validity"],
        document["deleted"],
        document["purged"],
        grant["state"],
        grant["generation"],
        grant["access_token"],
        grant["obtained_at"],
        grant["expires_at"],
        grant["account"],
        options.get("mailbox_login"),
        options["mechanism"],
        options["servers"],
    )


def _grant(document: Mapping[str, Any]) -> Grant:
    origin = document["origin"]
    # A field that a later version adds is missing in older documents: it has its default then.
    plain = {name: document[name] for name in _GRANT if name in document}
    grant = Grant(**plain, origin=None if origin is None else known(Origin, origin))
    kept = tuple(known(Quarantined, each) for each in document["quarantine"])
    return replace(grant, quarantine=kept) if kept else grant


def _device(document: Mapping[str, Any] | None) -> DeviceLogin | None:
    return None if document is None else known(DeviceLogin, {**document, "origin": known(Origin, document["origin"])})


def _lease(document: Mapping[str, Any] | None) -> Lease | None:
    return None if document is None else Lease(document["token"], document["until"])


def _search_text(record: Record) -> str:
    options, account = record.config.options, record.grant.account
    parts = (record.config.name, record.config.template, account, options.mailbox_login)
    return "\n".join(part.casefold() for part in parts if part)
