"""Grants by the ten thousand: documents as the refresher would store them, written in bulk, each good for refreshes.

Due times are planned per grant and kept beside it (`planned`), so that lateness can be read from the documents.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import SecretStr
from pymongo import UpdateOne
from uuid_utils import uuid7

from grantkeeper.crypto.at_rest import AtRest
from grantkeeper.crypto.ring import VaultRing
from schemas.config_events import ConfigChanged
from schemas.token_config import TokenConfig
from services.refresher.client_store import Client
from services.refresher.document import to_document
from services.refresher.domain.client import client_of, origin_of
from services.refresher.domain.grant import Issued, authorized, config_changed, settled
from services.refresher.domain.record import Origin, Record
from services.refresher.secrets_at_rest import Secrets
from tests.bench.installation import Installation

BATCH: Final = 1_000
RESERVE: Final = timedelta(seconds=300)
"""From the planned refresh to the end of the access token: that of a token of one hour."""
LIFE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Login:
    """What a grant says of its login."""

    origin: Origin
    state_hash: str = "0" * 64
    scope: str | None = "mail"


class Bulk:
    """Makes and times the grants of one client at one path of the bench's endpoint."""

    def __init__(self, installation: Installation, name: str, path: str) -> None:
        self._grants: Any = installation.database["grants"]
        self._clients: Any = installation.database["clients"]
        vault = VaultRing.from_file(installation.layout.rings / "vault.ring.json")
        self._secrets = Secrets(AtRest(vault), vault.fingerprint)
        self._host = f"127.0.0.1:{installation.endpoint}"
        url = f"http://{self._host}/{path}"
        self._config = TokenConfig.model_validate(
            {
                "name": name,
                "template": "Bench",
                "client_id": name,
                "scope": "mail",
                "requests": {"TokenByAuthorizationCode": {"url": url}, "TokenByRefreshToken": {"url": url}},
                "options": {"client_authentication": "none"},
            }
        )
        self.client = client_of(self._config)

    def make(self, count: int) -> list[str]:
        """Store so many grants, none of them due for long; returns their ids."""
        ids = [str(uuid7()) for _ in range(count)]
        now = datetime.now(UTC)
        client = asdict(Client(self.client.hash, self.client.server, self.client.client_id))
        self._clients.update_one({"_id": client.pop("hash")}, {"$setOnInsert": client}, upsert=True)
        for start in range(0, count, BATCH):
            self._grants.insert_many([self._document(one, now) for one in ids[start : start + BATCH]], ordered=False)
        return ids

    def plan(self, ids: Sequence[str], first: datetime, within: timedelta) -> None:
        """Make them due one after the other, evenly, each with the reserve before its end that a refresh leaves."""
        for start in range(0, len(ids), BATCH):
            chunk = ids[start : start + BATCH]
            self._grants.bulk_write(list(self._planned(chunk, start, first, within / len(ids))), ordered=False)
        self._clients.update_one(
            {"_id": self.client.hash}, {"$set": {"openings": 0, "probe_at": None, "held_until": None}}
        )

    def rest(self) -> None:
        """Have nothing sent for this client until it is planned again."""
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        self._clients.update_one({"_id": self.client.hash}, {"$set": {"held_until": tomorrow}})

    def refreshed(self, ids: Sequence[str]) -> list[tuple[float, bool]]:
        """Of those that were refreshed since: how many seconds late, and whether the access token had ended by then."""
        found = []
        for start in range(0, len(ids), BATCH):
            condition = {"_id": {"$in": list(ids[start : start + BATCH])}}
            found += list(self._grants.find(condition, {"planned": 1, "grant.obtained_at": 1}))
        sent = [(one["grant"]["obtained_at"], one["planned"]) for one in found]
        return [((at - planned).total_seconds(), at > planned + RESERVE) for at, planned in sent if at >= planned]

    def _planned(self, ids: Sequence[str], start: int, first: datetime, step: timedelta) -> Iterator[UpdateOne]:
        for place, config_id in enumerate(ids, start):
            due = first + place * step
            times = {"grant.obtained_at": due + RESERVE - LIFE, "grant.expires_at": due + RESERVE}
            fresh = {"due": due, "planned": due, "not_before": None, "failures": 0, "lease": None, "grant.unknown": 0}
            yield UpdateOne({"_id": config_id}, {"$set": fresh | times})

    def _document(self, config_id: str, now: datetime) -> dict[str, Any]:
        record = settled(authorized(self._record(config_id, now), self._issued(config_id, now), self._login()), now)
        tomorrow = now + timedelta(days=1)
        return {"_id": config_id, **to_document(replace(record, due=tomorrow)), "planned": tomorrow}

    def _record(self, config_id: str, now: datetime) -> Record:
        config = self._config.model_copy(update={"name": f"{self._config.name} {config_id}"})
        event = ConfigChanged(config_id=config_id, revision=1, sequence=1, config=config, actor="bench")
        return config_changed(None, event, client=self.client.hash, origin=origin_of(config), now=now)

    def _login(self) -> _Login:
        return _Login(origin_of(self._config))

    def _issued(self, config_id: str, now: datetime) -> Issued:
        access, refresh = SecretStr(f"access-{config_id}".ljust(300, "a")), SecretStr(f"refresh-{config_id}")
        return Issued(
            access_token=self._secrets.keep_access_token(config_id, access),
            obtained_at=now,
            expires_at=now + LIFE,
            refresh_token=self._secrets.keep_refresh_token(config_id, refresh),
            fingerprint=self._secrets.fingerprint(refresh),
            token_host=self._host,
        )
