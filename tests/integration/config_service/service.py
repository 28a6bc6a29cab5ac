"""config_service as the tests run it, and the commands they send."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient

from devstack.child import Child
from grantkeeper.process.clock import SYSTEM_CLOCK, SYSTEM_IDS, Clock
from grantkeeper.process.failpoints import Failpoints, Hook
from grantkeeper_client import Asker, Envelope, seal_to_installation
from schemas.config_commands import ConfigCreate
from schemas.config_events import ConfigChanged
from schemas.topics import CONFIG_COMMANDS, CONFIG_EVENTS
from services.config_service.app import build_app
from services.config_service.settings import ConfigServiceSettings
from tests.integration.house import House, started
from tests.waiting import wait_until

PRINCIPALS = """
- {principal: admin, role: admin}
- {principal: console, role: admin, acts_for_users: true}
- {principal: viewer, role: viewer}
- {principal: mail, role: mail}
"""
TEMPLATE = """
Name: Example provider
Config:
  AuthFlow: AuthorizationCode
  Scope: mail.read offline_access
  Requests:
    AuthorizationCode:
      Request:
        URL: https://idp.example.test/authorize
        Parameters: {response_type: code, access_type: offline, prompt: consent}
        AutofilledParametersMapping: {client_id: ClientID, redirect_uri: RedirectURL, scope: Scope, state: State}
      Response:
        ParametersMapping: {code: AuthorizationCode, state: State}
    TokenByAuthorizationCode:
      Request:
        URL: https://idp.example.test/token
        Parameters: {grant_type: authorization_code}
        AutofilledParametersMapping:
          {client_id: ClientID, client_secret: ClientSecret, code: AuthorizationCode, redirect_uri: RedirectURL}
      Response:
        ParametersMapping: &R {access_token: Token, expires_in: TokenExpirationDate, refresh_token: RefreshToken}
    TokenByRefreshToken:
      Request:
        URL: https://idp.example.test/token
        Parameters: {grant_type: refresh_token}
        AutofilledParametersMapping:
          {client_id: ClientID, client_secret: ClientSecret, refresh_token: RefreshToken, scope: Scope}
      Response:
        ParametersMapping: {access_token: Token, expires_in: TokenExpirationDate, refresh_token: RefreshToken}
""".replace("&R ", "")
HOST = "idp.example.test"
COMMAND = (sys.executable, "-m", "services.config_service")


class Service:
    """One process of config_service in the test's loop; any number of them may run."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.templates = house.folder / "templates"
        self.templates.mkdir(exist_ok=True)
        (self.templates / "example.yaml").write_text(TEMPLATE)
        self.principals = house.folder / "principals.yaml"
        self.principals.write_text(PRINCIPALS)

    @asynccontextmanager
    async def running(self, hook: Hook | None = None, clock: Clock = SYSTEM_CLOCK, **more: Any) -> AsyncIterator[None]:
        settings = ConfigServiceSettings.model_validate(
            {
                "kafka": self.house.kafka,
                "mongo": self.house.mongo,
                "rings": {"auth_file": self.house.ring_file},
                "templates_dir": self.templates,
                "principals_file": self.principals,
                **more,
            }
        )
        async with started(build_app(settings, clock=clock, ids=SYSTEM_IDS, failpoints=Failpoints(hook))):
            yield

    def process(self, log: Path, failpoint: str | None = None) -> Child:
        """A real process of config_service on this installation, not yet started."""
        environment = {
            "GRANTKEEPER_KAFKA__BOOTSTRAP_SERVERS": self.house.bootstrap_servers,
            "GRANTKEEPER_KAFKA__PREFIX": self.house.prefix,
            "GRANTKEEPER_KAFKA__PARTITIONS": "3",
            "GRANTKEEPER_KAFKA__SESSION_TIMEOUT": "2",
            "GRANTKEEPER_MONGO__URI": self.house.mongo.uri.get_secret_value(),
            "GRANTKEEPER_MONGO__DATABASE": self.house.mongo.database,
            "GRANTKEEPER_RINGS__AUTH_FILE": str(self.house.ring_file),
            "GRANTKEEPER_TEMPLATES_DIR": str(self.templates),
            "GRANTKEEPER_PRINCIPALS_FILE": str(self.principals),
        }
        if failpoint is not None:
            environment["GRANTKEEPER_FAILPOINT"] = failpoint
        return Child("config_service", COMMAND, log=log, environment=environment)

    def secret(self, plaintext: str = "s3cret", client_id: str = "app", host: str = HOST) -> str:
        bound = {"client_id": client_id, "host": host}
        jwk = self.house.vault.installation_public_jwk()
        return seal_to_installation(jwk, plaintext, use="client_secret", bound=bound)

    def creation(self, name: str = "Support", config_id: str | None = None, **fields: Any) -> ConfigCreate:
        """A complete `config.create`."""
        given = {"name": name, "client_id": "app", "client_secret": self.secret(), **fields}
        identity = config_id or SYSTEM_IDS.uuid7()
        return ConfigCreate.model_validate({"config_id": identity, "template": "example", "fields": given})

    async def events(self, config_id: str | None = None) -> list[ConfigChanged | None]:
        """What `config.events` holds of one config (or of all); None = a tombstone."""
        found = await self.house.read(CONFIG_EVENTS)
        return [
            None if one.value is None else ConfigChanged.model_validate_json(one.value)
            for one in found
            if config_id is None or one.key == config_id.encode()
        ]

    async def event_of_revision(self, config_id: str, revision: int) -> ConfigChanged:
        """Wait for the event of one revision."""

        async def told() -> list[ConfigChanged]:
            return [one for one in await self.events(config_id) if one is not None and one.revision == revision]

        return (await wait_until(told))[0]

    @asynccontextmanager
    async def collection(self, name: str) -> AsyncIterator[Any]:
        """A look into the database."""
        client: AsyncIOMotorClient[Any] = AsyncIOMotorClient(self.house.mongo.uri.get_secret_value(), tz_aware=True)
        try:
            yield client[self.house.mongo.database][name]
        finally:
            client.close()


async def ask(asker: Asker, message: Any, **more: Any) -> Mapping[str, Any]:
    """Send a command by the client library and return its result; raises ReplyError."""
    data = message.model_dump(mode="json", exclude_none=True)
    return await asker.ask(CONFIG_COMMANDS, message.TYPE, data, key=b"k", **more)


def code_of(reply: Any) -> str:
    """The error code of a parsed reply, or "ok"."""
    return "ok" if reply["ok"] else str(reply["error"]["code"])


__all__ = ["Envelope", "Service", "ask", "code_of"]
