"""Where encrypted values lie in a record, each with the name that it is bound to."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from services.refresher.domain.record import Grant, Record, Wish

Renew = Callable[[str, str], str]
"""Takes a value and the name of its field; returns it under the current key."""


def encrypted(record: Record) -> Iterator[str]:
    """Yield every encrypted value."""
    grant = record.grant
    held = (grant.access_token, grant.refresh_token, grant.previous_refresh_token)
    yield from (value for value in held if value is not None)
    yield from (kept.refresh_token for kept in grant.quarantine)
    yield from (wish.code for wish in record.wishes if wish.code is not None)
    if record.device is not None:
        yield record.device.device_code


def renewed(record: Record, renew: Renew) -> Record:
    """Return the record with every value under the current key; nothing else about it changes but its sequence."""
    device = record.device
    if device is not None:
        device = replace(device, device_code=renew(device.device_code, "device_code"))
    return replace(
        record,
        grant=_grant(record.grant, renew),
        wishes=tuple(_wish(wish, renew) for wish in record.wishes),
        device=device,
        sequence=record.sequence + 1,
    )


def _grant(grant: Grant, renew: Renew) -> Grant:
    def token(value: str | None, name: str) -> str | None:
        return None if value is None else renew(value, name)

    return replace(
        grant,
        access_token=token(grant.access_token, "access_token"),
        refresh_token=token(grant.refresh_token, "refresh_token"),
        previous_refresh_token=token(grant.previous_refresh_token, "refresh_token"),
        quarantine=tuple(
            replace(kept, refresh_token=renew(kept.refresh_token, "refresh_token")) for kept in grant.quarantine
        ),
    )


def _wish(wish: Wish, renew: Renew) -> Wish:
    if wish.code is None:
        return wish
    return replace(wish, code=renew(wish.code, "refresh_token" if wish.kind == "adopt" else "code"))
