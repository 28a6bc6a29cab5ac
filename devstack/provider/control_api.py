"""`/_control`: the provider's strings for tests and for a person at the command line; JSON in, JSON out.

Loopback only, and a body must be `application/json`, so that no web page a developer visits can pull them.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devstack.provider.code_grant import first_answer, open_grant
from devstack.provider.faults import Fault, FaultPlan
from devstack.provider.journal import Journal
from devstack.provider.provider import Provider
from devstack.provider.records import AccessToken, Consent, Grant, RefreshToken
from devstack.provider.settings import ClientSettings

MAX_MINTED = 100_000


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Mint(Strict):
    """Grants without a login page, for benchmarks and for adopting refresh tokens."""

    realm: str
    client_id: str
    logins: list[str] = Field(min_length=1, max_length=MAX_MINTED)
    scope: str = "mail.imap offline_access"
    offline: bool = True


class Revoke(Strict):
    """The user removed the app's access; empty conditions fit everything of the realm."""

    realm: str
    login: str | None = None
    client_id: str | None = None


class Expire(Strict):
    realm: str
    what: Literal["access_tokens", "refresh_tokens", "all"] = "all"
    login: str | None = None


class Secrets(Strict):
    secrets: list[SecretStr] = Field(min_length=1, max_length=5)


class ControlApi:
    def __init__(self, provider: Provider, plan: FaultPlan, journal: Journal) -> None:
        self._provider = provider
        self._plan = plan
        self._journal = journal

    def routes(self) -> list[Route]:
        table: list[tuple[str, str, Callable[[Request], Awaitable[Any]]]] = [
            ("GET", "/health", self.health),
            ("GET", "/realms", self.realms),
            ("PATCH", "/realms/{realm}", self.change_realm),
            ("GET", "/faults", self.faults),
            ("POST", "/faults", self.add_fault),
            ("DELETE", "/faults", self.clear_faults),
            ("POST", "/grants", self.mint),
            ("GET", "/grants", self.grants),
            ("POST", "/revoke", self.revoke),
            ("POST", "/expire", self.expire),
            ("PUT", "/clients/{client_id}", self.register),
            ("PUT", "/clients/{client_id}/secrets", self.replace_secrets),
            ("GET", "/journal", self.entries),
            ("DELETE", "/journal", self.clear_journal),
        ]
        return [Route(path, _answering(work), methods=[method]) for method, path, work in table]

    async def health(self, _: Request) -> Any:
        return {"ok": True, "issuer": self._provider.settings.issuer}

    async def realms(self, _: Request) -> Any:
        return {name: settings.model_dump(mode="json") for name, settings in self._provider.realms.items()}

    async def change_realm(self, request: Request) -> Any:
        realm = self._realm(request.path_params["realm"])
        return self._provider.change_realm(realm, await _json(request)).model_dump(mode="json")

    async def faults(self, _: Request) -> Any:
        return [order.model_dump(mode="json") for order in self._plan.open()]

    async def add_fault(self, request: Request) -> Any:
        fault = Fault.model_validate(await _json(request))
        if fault.realm is not None:
            self._realm(fault.realm)
        return self._plan.add(fault).model_dump(mode="json")

    async def clear_faults(self, request: Request) -> Any:
        order_id = request.query_params.get("id")
        return {"cleared": self._plan.clear(None if order_id is None else int(order_id))}

    async def mint(self, request: Request) -> Any:
        order = Mint.model_validate(await _json(request))
        self._realm(order.realm)
        self._provider.client(order.client_id)
        scope = tuple(order.scope.split())
        minted = [
            {"login": login}
            | first_answer(
                self._provider,
                open_grant(self._provider, order.realm, order.client_id, login, scope),
                offline=order.offline,
            )
            for login in order.logins
        ]
        self._provider.store.flush()
        return minted

    async def grants(self, request: Request) -> Any:
        realm = request.query_params.get("realm")
        return [
            {
                "id": grant.id,
                "realm": grant.realm,
                "client_id": grant.client_id,
                "login": grant.login,
                "scope": " ".join(grant.scope),
                "created_at": grant.created_at,
                "revoked_at": grant.revoked_at,
                "revoked_by": grant.revoked_by,
            }
            for grant in self._provider.store.all(Grant)
            if realm in (None, grant.realm)
        ]

    async def revoke(self, request: Request) -> Any:
        order = Revoke.model_validate(await _json(request))
        grants = [grant for grant in self._grants(order) if grant.revoked_at is None]
        for grant in grants:
            self._provider.end_grant(grant, "user")
        for consent in self._provider.store.all(Consent):
            if _fits(order, consent):
                consent.scope = ()
                self._provider.store.put(consent)
        self._provider.store.flush()
        return {"revoked": len(grants)}

    async def expire(self, request: Request) -> Any:
        order = Expire.model_validate(await _json(request))
        grants = {grant.id for grant in self._grants(Revoke(realm=order.realm, login=order.login))}
        expired = 0
        if order.what in ("access_tokens", "all"):
            expired += self._expire(self._provider.store.all(AccessToken), grants)
        if order.what in ("refresh_tokens", "all"):
            expired += self._expire(self._provider.store.all(RefreshToken), grants)
        self._provider.store.flush()
        return {"expired": expired}

    async def register(self, request: Request) -> Any:
        body = await _json(request) | {"client_id": request.path_params["client_id"]}
        self._provider.register(ClientSettings.model_validate(body))
        return {"client_id": body["client_id"]}

    async def replace_secrets(self, request: Request) -> Any:
        order = Secrets.model_validate(await _json(request))
        self._provider.replace_secrets(request.path_params["client_id"], order.secrets)
        return {"client_id": request.path_params["client_id"]}

    async def entries(self, request: Request) -> Any:
        query = request.query_params
        entries = self._journal.entries(
            since=int(query.get("since", "0")),
            realm=query.get("realm"),
            endpoint=query.get("endpoint"),
            only_open=query.get("open") == "true",
        )
        return [asdict(entry) for entry in entries]

    async def clear_journal(self, _: Request) -> Any:
        self._journal.clear()
        return {"ok": True}

    def _realm(self, name: str) -> str:
        if name not in self._provider.realms:
            raise ValueError(f"no realm {name!r}; there are {', '.join(self._provider.realms)}")
        return name

    def _grants(self, order: Revoke) -> list[Grant]:
        self._realm(order.realm)
        return [grant for grant in self._provider.store.all(Grant) if _fits(order, grant)]

    def _expire(self, tokens: Sequence[AccessToken | RefreshToken], grants: set[str]) -> int:
        now = self._provider.clock()
        ended = [token for token in tokens if token.grant_id in grants]
        for token in ended:
            token.expires_at = now
            self._provider.store.put(token)
        return len(ended)


def _fits(order: Revoke, record: Grant | Consent) -> bool:
    return (
        record.realm == order.realm
        and order.login in (None, record.login)
        and order.client_id in (None, record.client_id)
    )


def _answering(work: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return JSONResponse(await work(request))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            return _wrong(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}")
        except (ValueError, LookupError) as error:
            return _wrong(str(error))

    return answer


async def _json(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise ValueError("send the body as content-type application/json")
    body = await request.json()
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - answered as 400 like any other wrong body
    return body


def _wrong(message: str) -> Response:
    return JSONResponse({"error": message}, 400)
