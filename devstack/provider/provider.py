"""The provider's state and settings as one object that the endpoints share; both may change at run time."""

import json
from collections.abc import Callable

from pydantic import SecretStr

from devstack.provider.errors import Reason, Refused
from devstack.provider.records import Document, Grant
from devstack.provider.settings import ClientSettings, ProviderSettings, RealmSettings
from devstack.provider.store import Store

Clock = Callable[[], float]  # POSIX seconds


class Provider:
    def __init__(self, settings: ProviderSettings, store: Store, clock: Clock) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        self.realms: dict[str, RealmSettings] = dict(settings.realms)
        self.clients: dict[str, ClientSettings] = {client.client_id: client for client in settings.clients}
        self._recall_clients()

    def issuer(self, realm: str) -> str:
        return f"{self.settings.issuer}/{realm}"

    def client(self, client_id: str) -> ClientSettings:
        try:
            return self.clients[client_id]
        except KeyError:
            raise Refused(Reason.CLIENT_UNKNOWN) from None

    def change_realm(self, realm: str, changes: dict[str, object]) -> RealmSettings:
        """Settings of `realm` from now on; issued tokens keep their lives. Raises pydantic's ValidationError."""
        self.realms[realm] = RealmSettings.model_validate(self.realms[realm].model_dump() | changes)
        return self.realms[realm]

    def register(self, client: ClientSettings) -> None:
        """Add or replace a client; kept over a restart."""
        self.clients[client.client_id] = client
        body = json.dumps(
            client.model_dump(mode="json") | {"secrets": [secret.get_secret_value() for secret in client.secrets]}
        )
        self.store.put(Document(f"client:{client.client_id}", body))
        self.store.flush()

    def replace_secrets(self, client_id: str, secrets: list[SecretStr]) -> None:
        self.register(self.client(client_id).model_copy(update={"secrets": tuple(secrets)}))

    def end_grant(self, grant: Grant, by: str) -> None:
        """Revoke a grant, and with it every token of its family."""
        if grant.revoked_at is None:
            grant.revoked_at, grant.revoked_by = self.clock(), by
            self.store.put(grant)

    def _recall_clients(self) -> None:
        for document in self.store.all(Document):
            if document.id.startswith("client:"):
                client = ClientSettings.model_validate_json(document.body)
                self.clients[client.client_id] = client
