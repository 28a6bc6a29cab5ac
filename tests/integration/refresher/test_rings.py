"""Both rings changed on a running installation: nothing stops, and old entries can be told from needed ones."""

from typing import TYPE_CHECKING, Any

import pytest

from grantkeeper.crypto.at_rest import key_id
from grantkeeper.crypto.ring import AuthRing, VaultRing
from grantkeeper_client import Asker
from services.refresher.domain.encrypted import encrypted
from tests.integration.refresher.service import CLIENT_ID, Service, ask
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread

GET = "grantkeeper.token.get.v1"
REFRESH = "grantkeeper.token.refresh.v1"
STATUS = "grantkeeper.engine.status.get.v1"


def handed_out(service: Service, auth: AuthRing, vault: VaultRing) -> None:
    """Put both files in place, as an operator does before a restart."""
    service.house.ring, service.house.vault = auth, vault
    service.house.ring_file.write_text(auth.to_json())
    service.vault_file.write_text(vault.to_json())


async def uses(admin: Asker) -> dict[str, tuple[int, int]]:
    async def counted() -> list[dict[str, Any]]:
        return list((await ask(admin, STATUS, {})).get("keys", ()))

    return {one["ring_id"]: (one["stored"], one["sealed"]) for one in await wait_until(counted)}


@pytest.mark.long
async def test_both_rings_are_changed_while_tokens_are_served_and_refreshed(
    service: Service, provider: "ProviderThread"
) -> None:
    async with service.running(), service.house.asker("admin") as old:
        config_id = await service.configured(service.config())
        await service.plant(config_id, provider.control.mint("strict", ["a"], client_id=CLIENT_ID)[0])
        auth, vault = service.house.ring.with_entry("r2"), service.house.vault.with_entry("r2")
        handed_out(service, auth, vault)
        async with service.running():
            assert (await ask(old, GET, {"config": config_id}))["generation"] == 1
    handed_out(service, auth.with_current("r2"), vault.with_current("r2"))
    await in_use(service, config_id)
    async with service.running(), service.house.asker("admin") as admin:
        assert await uses(admin) == {"r1": (0, 0), "r2": (1, 2)}, "the old entry may go"
    handed_out(service, service.house.ring, service.house.vault.without_entry("r1"))
    async with service.running(), service.house.asker("admin") as admin:
        answer = await ask(admin, REFRESH, {"config": config_id, "generation": 1})
        assert answer["status"]["generation"] == 2


async def in_use(service: Service, config_id: str) -> None:
    """The new entry signs and encrypts; what the old one wrote still opens, and is written anew."""
    async with service.running(), service.house.asker("admin") as admin:
        assert (await ask(admin, GET, {"config": config_id}))["generation"] == 1

        async def all_new() -> bool:
            return {key_id(value) for value in encrypted(await service.record(config_id))} == {"r2"}

        await wait_until(all_new)
        assert await uses(admin) == {"r1": (0, 2), "r2": (1, 0)}, (
            "the client secret, and the client's copy, are sealed to the old one"
        )
        assert (await ask(admin, GET, {"config": config_id}))["generation"] == 1
        typed_again = service.changed(service.config(), config_id, sequence=2)
        await service.tell(typed_again)
        await service.knows(config_id, 2)
