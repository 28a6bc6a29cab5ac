"""The endpoints of each config: its own addresses, else its issuer's metadata, fetched at first need and daily.

The last good metadata is used while the issuer is away. Metadata that name another token host than before are not
believed: the refresh token would go to a stranger. They stop the client and ask the admin.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Final, Protocol

from grantkeeper.oauth2.answer import HttpAnswer
from grantkeeper.oauth2.discovery import (
    DiscoveryFailed,
    Endpoints,
    Metadata,
    endpoints,
    host,
    metadata_urls,
    parse_metadata,
)
from grantkeeper.oauth2.http_errors import HttpError
from grantkeeper.process.clock import Clock
from grantkeeper.process.logging import get_logger
from schemas.token_config import TokenConfig
from services.refresher.client_store import Client, ClientStore
from services.refresher.database_time import DatabaseTime
from services.refresher.domain.record import Record

log = get_logger(__name__)

FRESH_FOR: Final = timedelta(days=1)
KEPT_IN_MEMORY: Final = 300.0
"""Seconds for which a process does not ask the database again."""
FETCHED_WITHIN: Final = 14.0
"""Seconds for all addresses at which metadata may lie: an attempt that needs them has a lease of 20 s."""


class MetadataDoor(Protocol):
    """The door to issuers (grantkeeper.oauth2.http)."""

    async def get(self, url: str) -> HttpAnswer:
        """Fetch a document; raises HttpError."""
        ...


class Discovery:
    """Knows where the requests of a record go."""

    def __init__(self, http: MetadataDoor, clients: ClientStore, time: DatabaseTime, clock: Clock) -> None:
        self._http = http
        self._clients = clients
        self._time = time
        self._clock = clock
        self._known: dict[str, tuple[float, Metadata]] = {}
        self._fetching: dict[str, asyncio.Task[Metadata]] = {}

    async def of(self, record: Record) -> Endpoints:
        """Return the endpoints; raises DiscoveryFailed or HttpError where metadata are needed and not to be had."""
        known, issuer = await self.known(record), record.config.options.issuer
        if known is not None or issuer is None:
            return known or endpoints(record.config)
        return endpoints(record.config, await self._renewed_once(record, issuer))

    async def known(self, record: Record) -> Endpoints | None:
        """Return the endpoints where nothing has to be fetched for them."""
        options = record.config.options
        if not options.discovery or options.issuer is None:
            return endpoints(record.config)
        at, metadata = self._known.get(record.client, (0.0, None))
        if metadata is None or self._clock.monotonic() - at > KEPT_IN_MEMORY:
            client = await self._clients.read(record.client)
            if client is None or client.metadata is None or not self._is_fresh(client):
                return None
            metadata = client.metadata
            self._known[record.client] = (self._clock.monotonic(), metadata)
        return endpoints(record.config, metadata)

    def _is_fresh(self, client: Client) -> bool:
        return client.metadata_at is not None and self._time.now() - client.metadata_at < FRESH_FOR

    async def _renewed_once(self, record: Record, issuer: str) -> Metadata:
        """Fetch for all of a client who ask meanwhile: they need the same, and nobody's end is that of the others."""
        client = record.client
        fetching = self._fetching.get(client)
        if fetching is None:
            fetching = asyncio.create_task(self._renewed(record, issuer), name=f"metadata {client}")
            self._fetching[client] = fetching
            fetching.add_done_callback(lambda _: self._fetching.pop(client))
        metadata = await asyncio.shield(fetching)
        self._known[client] = (self._clock.monotonic(), metadata)
        return metadata

    async def _renewed(self, record: Record, issuer: str) -> Metadata:
        client = await self._clients.read(record.client)
        stored = None if client is None else client.metadata
        try:
            async with asyncio.timeout(FETCHED_WITHIN):
                fetched = await self._fetched(record.config, issuer)
        except (DiscoveryFailed, HttpError, TimeoutError) as error:
            if stored is not None:
                log.warning("metadata not renewed, the last good ones are used", client=record.client)
                return stored
            if isinstance(error, TimeoutError):
                raise DiscoveryFailed(f"the issuer did not name its addresses within {FETCHED_WITHIN:.0f} s") from None
            raise
        _same_host(stored, fetched)
        if client is not None:
            now = self._time.now()
            await self._clients.write(client, replace(client, metadata=fetched, metadata_at=now), (), now)
        return fetched

    async def _fetched(self, config: TokenConfig, issuer: str) -> Metadata:
        failed: DiscoveryFailed | None = None
        for url in metadata_urls(issuer):
            answer = await self._http.get(url)
            try:
                return parse_metadata(answer, issuer, config.options.issuer_check)
            except DiscoveryFailed as error:
                failed = failed or error
        raise failed or DiscoveryFailed("the issuer names no metadata address")


def _same_host(stored: Metadata | None, fetched: Metadata) -> None:
    before = None if stored is None or stored.token_endpoint is None else host(stored.token_endpoint)
    now = None if fetched.token_endpoint is None else host(fetched.token_endpoint)
    if before is not None and now != before:
        raise DiscoveryFailed(
            f"the issuer's metadata name another token host ({now}) than before ({before}): nothing is sent there. If "
            f"the provider really moved, enter the new token address in the config"
        )
