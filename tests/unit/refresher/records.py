"""Records and what happens to them, for unit tests: no IO, times as given."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from grantkeeper.oauth2.errors import Failure
from schemas.config_events import ConfigChanged
from schemas.reasons import AttemptClass, FaultScope
from schemas.token_config import TokenConfig
from services.refresher.domain.client import client_of, origin_of
from services.refresher.domain.grant import Issued, authorized, config_changed, settled
from services.refresher.domain.record import Origin, Record

NOW = datetime(2030, 1, 1, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
CONFIG_ID = "01900000-0000-7000-8000-000000000001"
URL = "https://idp.example.test/token"


ORIGIN = Origin("app", "idp.example.test")


@dataclass(frozen=True)
class Login:
    state_hash: str = "a" * 64
    origin: Origin = ORIGIN
    scope: str | None = "mail"


def config(**fields: Any) -> TokenConfig:
    values: dict[str, Any] = {
        "name": "Support",
        "template": "Example provider",
        "client_id": "app",
        "scope": "mail",
        "requests": {
            "TokenByAuthorizationCode": {"url": URL},
            "TokenByRefreshToken": {"url": URL},
            "TokenByClientCredentials": {"url": URL},
        },
    }
    return TokenConfig.model_validate(values | fields)


def event(sequence: int = 1, revision: int | None = None, **fields: Any) -> ConfigChanged:
    more = {name: fields.pop(name) for name in ("deleted", "former_names") if name in fields}
    return ConfigChanged(
        config_id=CONFIG_ID,
        revision=revision or sequence,
        sequence=sequence,
        config=config(**fields),
        actor="admin",
        **more,
    )


def changed(record: Record | None, told: ConfigChanged, now: datetime = NOW) -> Record:
    return config_changed(record, told, client=client_of(told.config).hash, origin=origin_of(told.config), now=now)


def new(**fields: Any) -> Record:
    """A config without a grant."""
    return settled(changed(None, event(**fields)), NOW)


def issued(
    number: int = 1, *, at: datetime = NOW, life: timedelta = HOUR, refresh_token: bool = True, **more: Any
) -> Issued:
    token = {"refresh_token": f"refresh {number}", "fingerprint": f"print {number}"} if refresh_token else {}
    values: dict[str, Any] = {"access_token": f"access {number}", "obtained_at": at, "expires_at": at + life}
    return Issued(**values | token | {"token_host": "idp.example.test"} | more)


def granted(at: datetime = NOW, *, record: Record | None = None, **more: Any) -> Record:
    """A config somebody logged in for at `at`."""
    after = authorized(record or new(), issued(at=at, **more), Login())
    return settled(after, at)


def failure(meaning: AttemptClass, scope: FaultScope = "grant", code: str = "broken", **more: Any) -> Failure:
    return Failure(meaning, scope, code, "some-cure", "Do something.", "it is broken", **more)


def with_options(record: Record, **options: Any) -> Record:
    updated = record.config.model_copy(update={"options": record.config.options.model_copy(update=options)})
    return replace(record, config=updated)
