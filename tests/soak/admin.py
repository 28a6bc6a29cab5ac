"""An admin who logs in again as soon as a token says that it needs it, so that strict grants do not run out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from pydantic import SecretStr

from devstack.provider.control_client import ProviderControl
from devstack.provider.records import fingerprint
from grantkeeper.process.clock import SYSTEM_IDS
from services.refresher.announce import announced
from services.refresher.domain.grant import Issued, authorized
from services.refresher.domain.record import Record
from tests.integration.refresher.service import CLIENT_ID, Login, Service
from tests.soak.noted import Planted

PAUSE = 0.5
"""Seconds between two looks."""


class Admin:
    """Gives grants, the first ones and new ones; every login has a name of its own at the provider."""

    def __init__(self, service: Service, control: ProviderControl, life: float) -> None:
        self._service = service
        self._control = control
        self._life = timedelta(seconds=life)
        self.planted: list[Planted] = []

    async def add(self, realm: str, number: int) -> None:
        """Add a config and log in."""
        rotation = {"strict": "strict", "microsoft": "replace"}[realm]
        config = self._service.config(f"{realm} {number}", realm, options={"rotation": rotation})
        await self._log_in(await self._service.record(await self._service.insert(config)))

    @asynccontextmanager
    async def logging_in_again(self) -> AsyncIterator[None]:
        """Do so as long as the block runs."""
        task = asyncio.create_task(self._forever())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _forever(self) -> None:
        while True:
            over = {"state": "reauthorization_required", "lease": None}
            for config_id in await self._service.store.collection.distinct("_id", over):
                await self._log_in(await self._service.record(config_id))
            await asyncio.sleep(PAUSE)

    async def _log_in(self, before: Record) -> None:
        """Store a new grant as the end of a login does, with what it tells."""
        realm, _, _ = before.config.name.partition(" ")
        login = f"{before.config.name.replace(' ', '-')}-{len(self.planted)}@example.test"
        (minted,) = await asyncio.to_thread(self._control.mint, realm, [login], client_id=CLIENT_ID)
        now = self._service.store.time.now()
        after = authorized(before, self._issued(before.config_id, minted), Login(before))
        after, entries = announced(before, after, now=now, happened="authorized", ids=SYSTEM_IDS)
        if await self._service.store.write(before, replace(after, failures=0), entries) is not None:
            self.planted.append(Planted(before.config_id, realm, login, fingerprint(minted["refresh_token"])))

    def _issued(self, config_id: str, minted: dict[str, str]) -> Issued:
        access_token, refresh_token = SecretStr(minted["access_token"]), SecretStr(minted["refresh_token"])
        now, secrets = self._service.store.time.now(), self._service.secrets
        return Issued(
            access_token=secrets.keep_access_token(config_id, access_token),
            obtained_at=now,
            expires_at=now + self._life,
            refresh_token=secrets.keep_refresh_token(config_id, refresh_token),
            fingerprint=secrets.fingerprint(refresh_token),
            token_host=self._service.base_url.removeprefix("http://"),
        )
