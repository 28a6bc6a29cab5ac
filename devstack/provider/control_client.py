"""`ProviderControl`: the client of `/_control`, for tests, benchmarks and the command line."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import requests
from pydantic import TypeAdapter

from devstack.provider.faults import Fault, Order
from devstack.provider.journal import Entry
from devstack.provider.settings import ClientSettings

TIMEOUT = 30  # seconds; minting 100,000 grants takes a few
ENTRIES = TypeAdapter(list[Entry])
ORDERS = TypeAdapter(list[Order])


class ControlRefused(Exception):
    """The provider did not take the order; the message says why."""


class ProviderControl:
    """Orders to a running provider. Every call raises ControlRefused on a wrong order."""

    def __init__(self, base_url: str) -> None:
        self._base_url = f"{base_url}/_control"
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the environment has no business with this machine's own address

    def fail(self, fault: Fault) -> Order:
        """Make matching requests fail, or answer oddly, from now on."""
        return Order.model_validate(self._call("POST", "/faults", fault.model_dump(mode="json", exclude_defaults=True)))

    def faults(self) -> list[Order]:
        return ORDERS.validate_python(self._call("GET", "/faults"))

    def clear(self, order_id: int | None = None) -> int:
        """Take back one fault, or all."""
        cleared: int = self._call("DELETE", "/faults", params={"id": order_id})["cleared"]
        return cleared

    def change_realm(self, realm: str, **changes: object) -> None:
        """Settings of `RealmSettings` from now on, e.g. access_token_life=60."""
        self._call("PATCH", f"/realms/{realm}", changes)

    def mint(
        self,
        realm: str,
        logins: Sequence[str],
        *,
        client_id: str,
        scope: str = "mail.imap offline_access",
        offline: bool = True,
    ) -> list[dict[str, Any]]:
        """Grants without a login: the token answers, each with `login`."""
        order = {"realm": realm, "logins": list(logins), "client_id": client_id, "scope": scope, "offline": offline}
        minted: list[dict[str, Any]] = self._call("POST", "/grants", order)
        return minted

    def grants(self, realm: str | None = None) -> list[dict[str, Any]]:
        grants: list[dict[str, Any]] = self._call("GET", "/grants", params={"realm": realm})
        return grants

    def revoke(self, realm: str, *, login: str | None = None, client_id: str | None = None) -> int:
        """As if the user had removed the app; returns how many grants ended."""
        revoked: int = self._call("POST", "/revoke", {"realm": realm, "login": login, "client_id": client_id})[
            "revoked"
        ]
        return revoked

    def expire(self, realm: str, what: str = "all", *, login: str | None = None) -> int:
        """End the life of access_tokens, refresh_tokens or all now; returns how many."""
        expired: int = self._call("POST", "/expire", {"realm": realm, "what": what, "login": login})["expired"]
        return expired

    def register(self, client: ClientSettings) -> None:
        body = client.model_dump(mode="json", exclude={"client_id"})
        body["secrets"] = [secret.get_secret_value() for secret in client.secrets]
        self._call("PUT", f"/clients/{client.client_id}", body)

    def replace_secrets(self, client_id: str, *secrets: str) -> None:
        """The secrets the client may use from now on, e.g. two while one is being exchanged."""
        self._call("PUT", f"/clients/{client_id}/secrets", {"secrets": list(secrets)})

    def journal(
        self, *, since: int = 0, realm: str | None = None, endpoint: str | None = "token", only_open: bool = False
    ) -> list[Entry]:
        """What was asked, oldest first; `since` is the number of the last entry already seen."""
        query = {"since": since, "realm": realm, "endpoint": endpoint, "open": "true" if only_open else None}
        return ENTRIES.validate_python(self._call("GET", "/journal", params=query))

    def clear_journal(self) -> None:
        self._call("DELETE", "/journal")

    def close(self) -> None:
        self._session.close()

    def _call(
        self, method: str, path: str, body: object = None, params: Mapping[str, str | int | None] | None = None
    ) -> Any:
        given = {name: value for name, value in (params or {}).items() if value is not None}
        answer = self._session.request(method, self._base_url + path, json=body, params=given, timeout=TIMEOUT)
        if not answer.ok:
            raise ControlRefused(
                answer.json()["error"] if answer.status_code == HTTPStatus.BAD_REQUEST else f"HTTP {answer.status_code}"
            )
        return answer.json()
