"""Events of the refresher as the notifier's tests need them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.expiry_events import ExpiryReported

CONFIG_ID = "01900000-0000-7000-8000-000000000001"
START = datetime(2030, 1, 1, 8, tzinfo=UTC)


def reported(sequence: int = 1, **fields: Any) -> ExpiryReported:
    kind = fields.pop("kind", "expired_refresh_token")
    values: dict[str, Any] = {
        "cause": f"{CONFIG_ID}:{kind}",
        "kind": kind,
        "config_id": CONFIG_ID,
        "name": "Support mailbox",
        "cure_id": "log_in_again",
        "cure": "Request a new token.",
        "at": START + timedelta(seconds=sequence),
        "sequence": sequence,
    }
    return ExpiryReported(**values | fields)
