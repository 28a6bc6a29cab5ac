"""The client secrets of each client: offered by token configs, tried newest first, remembered by what calls show.

Whatever a call shows is written only after its result was stored and told: nothing about a secret may cost a token.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from pydantic import SecretStr

from grantkeeper.oauth2.client_identity import secret_binding
from grantkeeper.process.clock import Clock
from grantkeeper.process.logging import get_logger
from grantkeeper_client import SealError, open_for_installation, sealed_key_id
from schemas.token_config import TokenConfig
from services.refresher.client_store import ClientStore
from services.refresher.database_time import DatabaseTime
from services.refresher.domain.client_secrets import ClientSecret, Tried, is_key, is_news, offered
from services.refresher.domain.record import Record
from services.refresher.due_store import DueStore

log = get_logger(__name__)

KEPT_IN_MEMORY: Final = 5.0
"""Seconds for which a process does not ask the database again; what is refused is looked up anew before."""


class ClientSecrets:
    """Knows which secrets a call of a record may use."""

    def __init__(
        self,
        store: ClientStore,
        due: DueStore,
        private_jwks: Mapping[str, Mapping[str, Any]],
        fingerprint_of: Callable[[str], str],
        time: DatabaseTime,
        clock: Clock,
    ) -> None:
        self._store = store
        self._due = due
        # Opening costs an elliptic-curve operation: as much as the rest of a refresh together.
        self._unseal = lru_cache(maxsize=1024)(lambda *bound: _open(private_jwks, *bound))
        self._fingerprint_of = fingerprint_of
        self._time = time
        self._clock = clock
        self._known: dict[str, tuple[float, tuple[ClientSecret, ...]]] = {}
        self._shown: dict[str, Tried] = {}

    async def offer(self, client: str, config_id: str, config: TokenConfig) -> None:
        """Take the secret that a config brings; a paused client is tried with it at once.

        One that does not open here is left to its own config, where it is told.
        """
        if config.client_secret is None or config.options.client_authentication == "none":
            return
        try:
            newest = self._named(client, config_id, config, config.client_secret)
        except SealError:
            return
        while (known := await self._store.read(client)) is not None:
            if not is_news(known.secrets, newest, known.refused) and not _is_sealed_anew(known.secrets, newest):
                return
            after = replace(known, secrets=offered(known.secrets, newest), probe_at=newest.at)
            after = after if known.is_paused else replace(after, probe_at=known.probe_at)
            if await self._store.write(known, after, (), newest.at) is not None:
                break
        self._known.pop(client, None)
        if known is not None and known.is_paused:
            await self._due.resume(client)

    async def of(self, record: Record, *, anew: bool = False) -> list[tuple[ClientSecret, SecretStr]]:
        """Return the secrets to try, in this order; raises SealError where the only one does not open.

        What the client has counts, else what the config brought: a client that is older than this rule, or a config
        whose secret is for another host.
        """
        opened = []
        for one in await self._of_client(record.client, anew=anew):
            if one.is_key != is_key(record.config):
                continue
            try:
                opened.append((one, self._opened(record.config, one.sealed)))
            except SealError:
                log.warning("client secret does not open for this config", config_id=record.config_id)
        if opened or record.secret is None:
            return opened
        own = self._named(record.client, record.config_id, record.config, record.secret)
        return [(own, self._opened(record.config, own.sealed))]

    def own(self, record: Record) -> str | None:
        """Return the fingerprint of the secret that the config itself holds; None where there is none that opens."""
        try:
            return (
                record.secret and self._named(record.client, record.config_id, record.config, record.secret).fingerprint
            )
        except SealError:
            return None

    def worked(self, client: str, tried: Tried) -> None:
        """Note what a call has shown, where that is news."""
        if tried.refused is not None or not tried.worked.proven:
            self._shown[client] = tried

    def shown(self, client: str) -> Tried | None:
        """Return what is still to be written."""
        return self._shown.pop(client, None)

    def forget(self, client: str) -> None:
        """Read anew with the next call."""
        self._known.pop(client, None)

    async def _of_client(self, client: str, *, anew: bool) -> tuple[ClientSecret, ...]:
        at, secrets = self._known.get(client, (0.0, None))
        if anew or secrets is None or self._clock.monotonic() - at > KEPT_IN_MEMORY:
            found = await self._store.read(client)
            secrets = () if found is None else found.secrets
            self._known[client] = (self._clock.monotonic(), secrets)
        return secrets

    def _named(self, client: str, config_id: str, config: TokenConfig, sealed: str) -> ClientSecret:
        text = self._opened(config, sealed).get_secret_value()
        fingerprint = self._fingerprint_of(f"client secret\n{client}\n{text}")
        return ClientSecret(sealed, fingerprint, config_id, self._time.now(), is_key(config))

    def _opened(self, config: TokenConfig, sealed: str) -> SecretStr:
        binding = secret_binding(config)
        return self._unseal(sealed, binding["client_id"], binding["host"])


def _is_sealed_anew(known: Sequence[ClientSecret], newest: ClientSecret) -> bool:
    """Tell whether a known secret comes sealed to another key: the old key may then go."""
    same = [one for one in known if one.fingerprint == newest.fingerprint]
    return any(sealed_key_id(one.sealed) != sealed_key_id(newest.sealed) for one in same)


def _open(private_jwks: Mapping[str, Mapping[str, Any]], sealed: str, client_id: str, host: str) -> SecretStr:
    bound = {"client_id": client_id, "host": host}
    return SecretStr(open_for_installation(private_jwks, sealed, use="client_secret", bound=bound))
