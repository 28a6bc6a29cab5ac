"""The refresher as the tests run it, the configs and grants they give it, and a look at what it keeps and says."""

import json
import secrets
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from devstack.child import Child
from grantkeeper.bus.topics import ensure_reply_topic, ensure_topics
from grantkeeper.crypto.at_rest import AtRest
from grantkeeper.mongo.client import Database, connect
from grantkeeper.oauth2.client_identity import secret_binding
from grantkeeper.oauth2.http import HttpDoor
from grantkeeper.process.clock import SYSTEM_CLOCK, SYSTEM_IDS, Clock
from grantkeeper.process.failpoints import Failpoints, Hook
from grantkeeper.process.metrics import Metrics
from grantkeeper_client import Asker, seal_to_installation
from schemas.config_events import ConfigChanged
from schemas.envelope import Message
from schemas.expiry_events import ConfigWentOff, ExpiryRecovered, ExpiryReported
from schemas.principals import PrincipalChanged
from schemas.token_config import TokenConfig
from schemas.token_events import ClientChanged, TokenChanged
from schemas.topics import EXPIRY_EVENTS, TOKEN_EVENTS, TOKEN_REQUESTS, TOPICS
from services.refresher.app import build_app
from services.refresher.client_store import ClientStore
from services.refresher.database_time import DatabaseTime
from services.refresher.domain.client import client_of, origin_of
from services.refresher.domain.grant import Issued, authorized, config_changed, settled
from services.refresher.domain.record import Record
from services.refresher.reading import Reading
from services.refresher.secrets_at_rest import Secrets
from services.refresher.settings import RefresherSettings
from services.refresher.store import GrantStore
from tests.integration.house import House, started
from tests.waiting import wait_until

PUBLIC_URL = "http://127.0.0.1:9"  # loopback: the demo client may come back to any port of it
CLIENT_ID = "demo-client"
CLIENT_SECRET = "demo-secret-for-this-machine-only"
ROLES = {"admin": "admin", "console": "admin", "viewer": "viewer", "mail": "mail", "limited": "mail"}


class Login:
    """What a planted grant says of its login."""

    def __init__(self, record: Record) -> None:
        self.state_hash = secrets.token_hex(32)
        self.origin = record.origin
        self.scope = record.config.scope


class Service:
    """One installation with any number of refreshers in the test's loop."""

    def __init__(self, house: House, base_url: str) -> None:
        self.house = house
        self.base_url = base_url
        self.vault_file = house.folder / "vault.ring.json"
        self.vault_file.write_text(house.vault.to_json())
        self.vault_file.chmod(0o600)
        self.secrets = Secrets(AtRest(house.vault), house.vault.fingerprint)
        self.database: Database = connect(house.mongo, service="test")
        reading = Reading(SYSTEM_CLOCK, Metrics("refresher"))
        self.store = GrantStore(self.database, DatabaseTime(SYSTEM_CLOCK), SYSTEM_IDS, reading)
        self._sequence = 0

    async def prepare(self) -> None:
        """Do what config_service does at its start."""
        await ensure_topics(self.house.kafka, list(TOPICS))
        for principal, role in ROLES.items():
            await ensure_reply_topic(self.house.kafka, principal)
            await self.register(principal, role)
        await self.store.prepare()

    async def register(self, principal: str, role: str, **fields: Any) -> None:
        self._sequence += 1
        values = {"principal": principal, "role": role, "version": 1, "sequence": self._sequence, **fields}
        change = PrincipalChanged.model_validate(values)
        await self.house.send(self.house.event(change, "config_service", principal))

    def settings(self, **more: Any) -> RefresherSettings:
        address = self.base_url.removeprefix("http://")
        return RefresherSettings.model_validate(
            {
                "kafka": self.house.kafka,
                "mongo": self.house.mongo,
                "rings": {"auth_file": self.house.ring_file, "vault_file": self.vault_file},
                "public_url": PUBLIC_URL,
                "oauth2": {"allow_hosts": [address, address.replace("127.0.0.1", "localhost")]},
                **more,
            }
        )

    @asynccontextmanager
    async def running(self, hook: Hook | None = None, clock: Clock = SYSTEM_CLOCK, **more: Any) -> AsyncIterator[None]:
        settings = self.settings(**more)
        door = HttpDoor(allow_hosts=settings.oauth2.allow_hosts)
        async with started(build_app(settings, door, clock=clock, ids=SYSTEM_IDS, failpoints=Failpoints(hook))):
            yield

    def process(self, log: Path, failpoint: str | None = None, **more: str) -> Child:
        """A refresher as a process of its own, not yet started."""
        address = self.base_url.removeprefix("http://")
        environment = {
            "GRANTKEEPER_KAFKA__BOOTSTRAP_SERVERS": self.house.bootstrap_servers,
            "GRANTKEEPER_KAFKA__PREFIX": self.house.prefix,
            "GRANTKEEPER_KAFKA__SESSION_TIMEOUT": "2",
            "GRANTKEEPER_KAFKA__PARTITIONS": "3",
            "GRANTKEEPER_MONGO__URI": self.house.mongo.uri.get_secret_value(),
            "GRANTKEEPER_MONGO__DATABASE": self.house.mongo.database,
            "GRANTKEEPER_RINGS__AUTH_FILE": str(self.house.ring_file),
            "GRANTKEEPER_RINGS__VAULT_FILE": str(self.vault_file),
            "GRANTKEEPER_PUBLIC_URL": PUBLIC_URL,
            "GRANTKEEPER_OAUTH2__ALLOW_HOSTS": json.dumps([address]),
            **({"GRANTKEEPER_FAILPOINT": failpoint} if failpoint else {}),
            **more,
        }
        return Child("refresher", [sys.executable, "-m", "services.refresher"], log=log, environment=environment)

    def provider_as_proxy(self, caller: str) -> str:
        """Name a process to the provider: it calls through the provider itself, whose journal then says who called."""
        return self.base_url.replace("http://", f"http://{caller}:any@")

    def config(self, name: str = "Support", realm: str = "strict", **fields: Any) -> TokenConfig:
        """A config of the local provider with explicit addresses."""
        issuer, plain_secret = f"{self.base_url}/{realm}", fields.pop("plain_secret", CLIENT_SECRET)
        values: dict[str, Any] = {
            "name": name,
            "template": "Example provider",
            "client_id": CLIENT_ID,
            "scope": "openid email mail.imap offline_access",
            "requests": {
                "AuthorizationCode": {
                    "url": f"{issuer}/authorize",
                    "parameters": {"response_type": "code", "access_type": "offline", "prompt": "consent"},
                    "autofill": {
                        "client_id": "ClientID",
                        "redirect_uri": "RedirectURL",
                        "scope": "Scope",
                        "state": "State",
                    },
                },
                "TokenByAuthorizationCode": {"url": f"{issuer}/token"},
                "TokenByRefreshToken": {"url": f"{issuer}/token"},
            },
            **fields,
        }
        config = TokenConfig.model_validate(values)
        return config.model_copy(update={"client_secret": self.seal(config, plain_secret)})

    def seal(self, config: TokenConfig, plaintext: str) -> str:
        jwk = self.house.vault.installation_public_jwk()
        return seal_to_installation(jwk, plaintext, use="client_secret", bound=secret_binding(config))

    def changed(
        self, config: TokenConfig, config_id: str | None = None, sequence: int = 1, **fields: Any
    ) -> ConfigChanged:
        values = {"config_id": config_id or SYSTEM_IDS.uuid7(), "revision": sequence, "sequence": sequence}
        return ConfigChanged.model_validate({**values, "config": config, "actor": "admin", **fields})

    async def tell(self, *events: Message) -> None:
        """Send events as config_service, in this order, to one partition."""
        envelopes = [self.house.event(one, "config_service", getattr(one, "config_id", "")) for one in events]
        await self.house.send(*envelopes, partition=0)

    async def configured(self, config: TokenConfig, **fields: Any) -> str:
        """Tell a config and wait until the refresher knows it."""
        event = self.changed(config, **fields)
        await self.tell(event)
        await self.knows(event.config_id, event.sequence)
        return event.config_id

    async def insert(self, config: TokenConfig) -> str:
        """Put a config into the store as the refresher would, where none runs yet."""
        event = self.changed(config)
        client = client_of(config)
        now = self.store.time.now()
        await ClientStore(self.database).meet([client], now)
        record = config_changed(None, event, client=client.hash, origin=origin_of(config), now=now)
        await self.store.insert(settled(record, now), ())
        return event.config_id

    async def knows(self, config_id: str, sequence: int) -> Record:
        async def known() -> Record | None:
            record = await self.store.read(config_id)
            return record if record is not None and record.config_sequence >= sequence else None

        return (await wait_until(known)) or await self.record(config_id)

    async def record(self, config_id: str) -> Record:
        record = await self.store.read(config_id)
        assert record is not None
        return record

    async def plant(
        self,
        config_id: str,
        minted: Mapping[str, Any],
        *,
        life: timedelta = timedelta(hours=1),
        age: timedelta = timedelta(),
    ) -> Record:
        """Give a config a grant that the provider has minted, as if somebody had logged in `age` ago."""
        while True:
            record = await self.record(config_id)
            now = self.store.time.now()
            issued = Issued(
                access_token=self.secrets.keep_access_token(config_id, _secret(minted["access_token"])),
                obtained_at=now - age,
                expires_at=now - age + life,
                refresh_token=self.secrets.keep_refresh_token(config_id, _secret(minted["refresh_token"])),
                fingerprint=self.secrets.fingerprint(_secret(minted["refresh_token"])),
                token_host=self.base_url.removeprefix("http://"),
            )
            after = settled(authorized(record, issued, Login(record)), now)
            if await self.store.write(record, after, ()) is not None:
                return after

    async def status(self, asker: Asker, config: str) -> dict[str, Any]:
        answer = await ask(asker, "grantkeeper.token.status.v1", {"config": config})
        status: dict[str, Any] = answer["status"]
        return status

    async def becomes(self, config_id: str, state: str, deadline: float = 20.0) -> Record:
        """Wait until the stored state is this one."""

        async def found() -> Record | None:
            record = await self.store.read(config_id)
            return record if record is not None and record.state == state else None

        record = await wait_until(found, deadline)
        assert record is not None
        return record

    async def token_events(self, key: str) -> list[TokenChanged]:
        """What `token.events` holds of one config, oldest first."""
        return [
            TokenChanged.model_validate_json(one.value)
            for one in await self.house.read(TOKEN_EVENTS)
            if one.key == key.encode() and one.value is not None and one.type == TokenChanged.TYPE
        ]

    async def client_events(self) -> list[ClientChanged]:
        found = await self.house.read(TOKEN_EVENTS)
        return [ClientChanged.model_validate_json(one.value or b"") for one in found if one.type == ClientChanged.TYPE]

    async def expiry_events(self) -> list[ExpiryReported | ExpiryRecovered | ConfigWentOff]:
        kinds: Sequence[type[ExpiryReported | ExpiryRecovered | ConfigWentOff]]
        kinds = (ExpiryReported, ExpiryRecovered, ConfigWentOff)
        by_type = {kind.TYPE: kind for kind in kinds}
        # At least once: what was published twice is one message, with one id.
        once = {one.id: one for one in await self.house.read(EXPIRY_EVENTS)}.values()
        return [by_type[one.type].model_validate_json(one.value or b"") for one in once]

    async def reported(self, kind: str) -> list[ExpiryReported]:
        events = await self.expiry_events()
        return [one for one in events if isinstance(one, ExpiryReported) and one.kind == kind]

    async def due_now(self, config_id: str) -> None:
        """Shift the stored times so that a refresh is due, with an access token that is good for four minutes."""
        times = {
            "due": "$$NOW",
            "grant.obtained_at": {"$subtract": ["$$NOW", 7_200_000]},
            "grant.expires_at": {"$add": ["$$NOW", 240_000]},
        }
        await self.store.collection.update_one({"_id": config_id}, [{"$set": times}])


async def ask(asker: Asker, kind: str, data: Mapping[str, Any], **more: Any) -> Mapping[str, Any]:
    """Ask by the client library; raises ReplyError."""
    return await asker.ask(TOKEN_REQUESTS, kind, data, key=secrets.token_bytes(4), **more)


def _secret(text: str) -> Any:
    from pydantic import SecretStr

    return SecretStr(text)
