"""What is known of clients: faults, recorded once, told once, joined by readers; breakers; who is let in again.

Only what the error table lists as the client's own fault pauses it, and only when a second config's token confirms it
where there is one: else one mistyped secret would stop everybody. What is the provider's fault opens its breaker.
Either way one grant at a time is tried, by whichever process comes first; a success lets the others in step by step.
"""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from grantkeeper.bus.errors import Unavailable
from grantkeeper.bus.outbox import OutboxRelay
from grantkeeper.mongo.outbox import Entry
from grantkeeper.oauth2.errors import Failure
from grantkeeper.process.clock import Ids
from grantkeeper.process.logging import get_logger
from services.refresher.client_events import (
    breaker_event,
    fault_events,
    recovered,
    recovery_events,
    secret_refused_event,
)
from services.refresher.client_secrets import ClientSecrets
from services.refresher.client_store import Client, ClientStore, Fault
from services.refresher.domain.breaker import BREAKS_AFTER, EVERYBODY, is_trouble, let_in_after, open_for
from services.refresher.domain.client_secrets import ClientSecret, Tried, proved
from services.refresher.domain.expiry import LEFT_ALONE, PATIENCE
from services.refresher.domain.record import Record
from services.refresher.due_store import DueStore
from services.refresher.store import GrantStore

log = get_logger(__name__)

PROBE_EVERY: Final = timedelta(minutes=15)
"""A cure at the provider is noticed within so long; a cure here (a new secret) at once."""


class Clients:
    """What is known of clients; questions are answered from memory, at most one tick old."""

    def __init__(
        self,
        store: ClientStore,
        grants: GrantStore,
        due: DueStore,
        secrets: ClientSecrets,
        relay: OutboxRelay,
        ids: Ids,
    ) -> None:
        self._store = store
        self._grants = grants
        self._due = due
        self._secrets = secrets
        self._relay = relay
        self._ids = ids
        self._troubled: dict[str, Client] = {}
        self._strikes: Counter[str] = Counter()
        self._probing: dict[str, str] = {}
        """Clients that are paused -> the config whose grant is being tried here."""
        self._successes: dict[str, int] = {}
        """Of clients that were paused: how often they have succeeded since."""

    def is_faulty(self, client: str) -> bool:
        """Tell whether a client is paused by its own fault."""
        known = self._troubled.get(client)
        return known is not None and known.fault is not None

    def may_send(self, record: Record) -> bool:
        """Tell whether a claimed grant may still be worked on: its client may have been paused or held since."""
        known = self._troubled.get(record.client)
        if known is None:
            return True
        if known.held_until is not None and known.held_until > self._grants.time.now():
            return False
        return not known.is_paused or self._probing.get(record.client) == record.config_id

    def untried(self) -> dict[str, str]:
        """Return the clients of which most grants are not tried, and why; those with a fault are told as such."""
        now = self._grants.time.now()
        held = {one.hash: PATIENCE for one in self._troubled.values() if one.held_until and one.held_until > now}
        alone = {one.hash: LEFT_ALONE for one in self._troubled.values() if one.openings}
        return {client: why for client, why in (held | alone).items() if not self.is_faulty(client)}

    def held_until(self, client: str) -> datetime | None:
        """Return until when nothing is sent: the provider asked for patience, or is left alone."""
        known = self._troubled.get(client)
        if known is None:
            return None
        waits = [moment for moment in (known.held_until, known.probe_at if known.openings else None) if moment]
        return max(waits, default=None)

    def let_in(self, client: str) -> int:
        """Return how many calls of a client may be under way: few where it was paused a moment ago."""
        successes = self._successes.get(client)
        return EVERYBODY if successes is None else let_in_after(successes)

    def faulty(self) -> list[str]:
        """Return the hashes of all clients that are paused by their own fault."""
        return [client for client in self._troubled if self.is_faulty(client)]

    async def look(self) -> None:
        """Learn what other processes found out."""
        troubled = {client.hash: client for client in await self._store.troubled()}
        for was in self._troubled.values():
            now = troubled.get(was.hash)
            if was.is_paused and not (now is not None and now.is_paused):
                self._successes.setdefault(was.hash, 0)
        self._troubled = troubled

    def probing(self, client: str, config_id: str) -> None:
        """Know that this grant of a paused client is being tried here."""
        self._probing[client] = config_id

    async def unproven(self, record: Record) -> None:
        """Take an attempt that told nothing about its client: another grant may be tried at once."""
        if self._was_probe(record):
            await self._store.probe_after(record.client, 0)

    def _was_probe(self, record: Record) -> bool:
        """Tell whether this was the grant by which its client was tried; asked once, when the attempt has ended."""
        if self._probing.get(record.client) != record.config_id:
            return False
        del self._probing[record.client]
        return True

    async def succeeded(self, client: str) -> None:
        """Take a success, after it was stored; costs nothing where nothing was wrong.

        What cannot be written now is shown again by the next one: nobody's answer may depend on it.
        """
        self._probing.pop(client, None)
        self._strikes.pop(client, None)
        if client in self._successes:
            self._successes[client] += 1
            if let_in_after(self._successes[client]) >= EVERYBODY:
                del self._successes[client]
        try:
            await self._write_shown(client)
            if client in self._troubled:
                await self._recover(client)
        except Unavailable as error:
            log.warning("success not noted for its client", client=client, error=str(error))

    async def failed(self, record: Record, failure: Failure) -> None:
        """Take a failure, before it is stored; what cannot be written now is found again by the next one."""
        client, was_probe = record.client, self._was_probe(record)
        try:
            if failure.retry_after_given and failure.scope in {"provider", "client"}:
                await self._store.hold(client, failure.wait)
                await self.look()
            if failure.pauses_client:
                await self._blame(record, failure, was_probe=was_probe)
            elif is_trouble(failure):
                await self._struck(client, was_probe=was_probe)
            elif was_probe:
                await self._store.probe_after(client, 0)
        except Unavailable as error:
            log.warning("failure not noted for its client", client=client, error=str(error))

    async def _blame(self, record: Record, failure: Failure, *, was_probe: bool) -> None:
        while (client := await self._store.read(record.client)) is not None and client.fault is None:
            users = await self._grants.count_of_client(client.hash)
            suspects = tuple(dict.fromkeys((*client.suspects, record.config_id)))
            confirmed = len(suspects) > 1 or not await self._grants.has_others(client.hash, record.config_id)
            now = self._grants.time.now()
            blamed, entries = replace(client, suspects=suspects), list[Entry]()
            if confirmed:
                fault = _fault(failure, now)
                blamed = replace(blamed, fault=fault, probe_at=now + PROBE_EVERY)
                entries = fault_events(blamed, fault, users, now, self._ids)
            if await self._write(client, blamed, entries, now):
                if blamed.fault is not None:
                    log.warning("client paused", client=client.hash, error=blamed.fault.code, tokens=users)
                elif was_probe:
                    await self._store.probe_after(client.hash, 0)  # a second config confirms it
                return
        if was_probe:
            await self._store.probe_after(record.client, PROBE_EVERY.total_seconds(), unless_sooner=True)

    async def _struck(self, client: str, *, was_probe: bool) -> None:
        """Count a failure that is the provider's; the breaker opens after many in a row, and again after each probe."""
        known = self._troubled.get(client)
        openings = 0 if known is None else known.openings
        if openings and not was_probe:
            return  # it was under way when the breaker opened
        self._strikes[client] += 1
        if not was_probe and self._strikes[client] < BREAKS_AFTER:
            return
        wait = open_for(openings + 1, self._ids.random())
        if await self._opened(client, openings, wait):
            log.warning("provider left alone", client=client, seconds=round(wait.total_seconds(), 1), again=openings)
        # Not before it is stored: whose call fails meanwhile waits for that too and lets no other go out.
        self._strikes.pop(client, None)
        await self.look()

    async def _opened(self, client_hash: str, openings: int, wait: timedelta) -> bool:
        """Open a breaker, and tell the first time; False where another process came first."""
        if openings:
            return await self._store.open_breaker(client_hash, openings, wait.total_seconds())
        while (client := await self._store.read(client_hash)) is not None and not client.openings:
            users, now = await self._grants.count_of_client(client.hash), self._grants.time.now()
            opened = replace(client, openings=1, probe_at=now + wait)
            if await self._write(client, opened, [breaker_event(opened, users, now, self._ids)], now):
                return True
        return False

    async def _recover(self, client_hash: str) -> None:
        while (client := await self._store.read(client_hash)) is not None and (client.is_paused or client.suspects):
            users = await self._grants.count_of_client(client.hash)
            now = self._grants.time.now()
            entries = recovery_events(client, users, now, self._ids) if client.is_paused else []
            well = replace(client, fault=None, suspects=(), probe_at=None, openings=0)
            if await self._write(client, well, entries, now):
                await self._let_in_again(client)
                return
        self._forget_unless_held(client_hash)

    async def _let_in_again(self, client: Client) -> None:
        if client.is_paused:
            log.info("client works again", client=client.hash)
            self._successes[client.hash] = 1
        if client.fault is not None:
            await self._due.resume(client.hash)

    async def _write_shown(self, client_hash: str) -> None:
        """Write what a success has shown about the client's secrets."""
        tried = self._secrets.shown(client_hash)
        if tried is None:
            return
        while (client := await self._store.read(client_hash)) is not None:
            now = self._grants.time.now()
            after, entries = self._shown(client, tried, now)
            if after == client or await self._write(client, after, entries, now):
                break
        self._secrets.forget(client_hash)

    def _shown(self, client: Client, tried: Tried, now: datetime) -> tuple[Client, list[Entry]]:
        after = replace(client, secrets=proved(client.secrets, tried))
        refused = tried.refused
        if refused is not None and tried.why is not None and _went(refused, client, after):
            log.warning("newest client secret dropped", client=client.hash, config_id=refused.config_id)
            return replace(after, refused=refused), [secret_refused_event(client, tried.why, now, self._ids)]
        newest = next(one for one in after.secrets if one.is_key == tried.worked.is_key)
        if client.refused is not None and newest.proven and newest.at > client.refused.at:
            return replace(after, refused=None), [recovered(client, "client_secret_refused", now, self._ids)]
        return after, []

    async def _write(self, before: Client, after: Client, entries: list[Entry], now: datetime) -> bool:
        pending = await self._store.write(before, after, entries, now)
        if pending is None:
            return False
        if after.is_paused or after.suspects:
            self._troubled[after.hash] = after
        else:
            self._forget_unless_held(after.hash)
        if pending.entries:
            await self._relay.publish_now([pending])
        return True

    def _forget_unless_held(self, client: str) -> None:
        known = self._troubled.get(client)
        if known is not None and known.held_until is None:
            del self._troubled[client]
        elif known is not None:
            self._troubled[client] = replace(known, fault=None, suspects=(), probe_at=None, openings=0)


def _went(secret: ClientSecret, before: Client, after: Client) -> bool:
    was, now = ({one.fingerprint for one in client.secrets} for client in (before, after))
    return secret.fingerprint in was - now


def _fault(failure: Failure, now: datetime) -> Fault:
    return Fault(failure.attempt_class, failure.code, failure.text, failure.cure_id, failure.cure, now)
