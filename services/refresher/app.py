"""Wiring: which parts the process has, in the order in which they start, and which handler takes which topic."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from grantkeeper.bus.broker import Broker
from grantkeeper.bus.cluster import Cluster
from grantkeeper.bus.consume import stream
from grantkeeper.bus.dead_letter import DeadLetters
from grantkeeper.bus.gate import principal_gate, service_gate
from grantkeeper.bus.outbox import OutboxRelay
from grantkeeper.bus.principals import PrincipalDirectory
from grantkeeper.bus.publish import Publisher
from grantkeeper.bus.reply import Replier
from grantkeeper.bus.topics import Topics
from grantkeeper.crypto.at_rest import AtRest
from grantkeeper.crypto.ring import AuthRing, VaultRing
from grantkeeper.mongo.client import MongoConnection
from grantkeeper.mongo.indexes import Indexes
from grantkeeper.mongo.outbox import Outbox
from grantkeeper.process.clock import Clock, Ids
from grantkeeper.process.failpoints import Failpoints
from grantkeeper.process.health import HealthServer
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.run import Loop, Part
from schemas.topics import CONFIG_EVENTS, DEAD_LETTERS, EXPIRY_EVENTS, PRINCIPALS, TOKEN_EVENTS, TOKEN_REQUESTS
from services.refresher.adoption import Adoption, AdoptionRequests
from services.refresher.announce import CurrentState
from services.refresher.answers import Answers
from services.refresher.attempt import Attempts
from services.refresher.authorization_store import AuthorizationStore
from services.refresher.authorizations import Returns, Starts
from services.refresher.calling import Http
from services.refresher.client_events import CurrentClient
from services.refresher.client_secrets import ClientSecrets
from services.refresher.client_store import ClientStore
from services.refresher.clients import Clients
from services.refresher.config_events import ConfigEvents, unless_held
from services.refresher.credentials import Credentials
from services.refresher.database_time import DatabaseTime
from services.refresher.device_login import DeviceLogins, DeviceRequests
from services.refresher.discovery import Discovery, MetadataDoor
from services.refresher.due_store import DueStore
from services.refresher.ending import GrantEnding
from services.refresher.engine import CurrentEngine, EngineSwitch
from services.refresher.engine_requests import EngineRequests
from services.refresher.engine_store import EngineStore
from services.refresher.expiring import Expiring
from services.refresher.gets import Gets
from services.refresher.halt import Halt
from services.refresher.issuing import Issuing
from services.refresher.keeping import Keeping
from services.refresher.login import LoginExchange
from services.refresher.login_start import LoginStart
from services.refresher.logins import Logins
from services.refresher.overview import Overview
from services.refresher.patience import Patience
from services.refresher.provider_calls import ProviderCalls
from services.refresher.reading import Reading
from services.refresher.reencryption import Reencryption
from services.refresher.renewal import Renewal
from services.refresher.requested import Requested
from services.refresher.returned import Opener
from services.refresher.scheduler import Scheduler
from services.refresher.secrets_at_rest import Secrets
from services.refresher.settings import RefresherSettings
from services.refresher.settling import Settling
from services.refresher.sharing import Sharing
from services.refresher.sharing_store import SharingStore
from services.refresher.slots import Slots
from services.refresher.store import GrantStore
from services.refresher.storing import Storing
from services.refresher.taking import Taking
from services.refresher.telling import Telling
from services.refresher.token_requests import AboutAll, AboutOneGrant, LoginRequests, TokenRequests
from services.refresher.unused_clients import UnusedClients
from services.refresher.usage import Usage
from services.refresher.wishes import Wishes

NAME: Final = "refresher"
TOPICS: Final = (CONFIG_EVENTS, PRINCIPALS, TOKEN_REQUESTS, TOKEN_EVENTS, EXPIRY_EVENTS, DEAD_LETTERS)


class Door(Http, MetadataDoor, Part, Protocol):
    """The one door to providers: forms to token endpoints, metadata of issuers; a part of the process."""


class Refresher:
    """The wired process."""

    def __init__(
        self, settings: RefresherSettings, door: Door, *, clock: Clock, ids: Ids, failpoints: Failpoints
    ) -> None:
        self._settings = settings
        self._door = door
        self._clock = clock
        self._ids = ids
        self._failpoints = failpoints
        self._metrics = Metrics(NAME)
        self._ring = AuthRing.from_file(settings.rings.auth_file)
        self._vault = VaultRing.from_file(settings.rings.vault_file)
        self._secrets = Secrets(AtRest(self._vault), self._vault.fingerprint)
        self._wire_bus()
        self._wire_stores()
        self._wire_attempts()
        self._wire_looks()
        self._subscribe()

    def _wire_bus(self) -> None:
        kafka, key, clock, metrics = self._settings.kafka, self._ring.service_key(NAME), self._clock, self._metrics
        self._topics = Topics(kafka, TOPICS, clock=clock, metrics=metrics)
        self._cluster = Cluster(kafka, service=NAME, clock=clock)
        self._publisher = Publisher(kafka, key, service=NAME, clock=clock, metrics=metrics)
        self._directory = PrincipalDirectory(kafka, self._ring, service=NAME, clock=clock)
        self._replier = Replier(self._publisher, self._ring, clock=clock, ids=self._ids, metrics=metrics)
        self._dead_letters = DeadLetters(self._publisher, clock=clock, ids=self._ids, metrics=metrics)
        self._broker = Broker(
            kafka, service=NAME, clock=clock, ids=self._ids, metrics=metrics, failpoints=self._failpoints
        )

    def _wire_stores(self) -> None:
        self._mongo = MongoConnection(self._settings.mongo, service=NAME, clock=self._clock)
        database = self._mongo.database
        self._reading = Reading(self._clock, self._metrics)
        self._store = GrantStore(database, DatabaseTime(self._clock), self._ids, self._reading)
        self._client_store = ClientStore(database)
        self._logins = AuthorizationStore(database)
        self._engine_store = EngineStore(database)
        self._outboxes = (
            Outbox(self._store.collection, CurrentState(self._ids)),
            Outbox(self._client_store.collection, CurrentClient(self._ids)),
            Outbox(self._engine_store.collection, CurrentEngine(self._ids)),
        )
        grants, clients, engine = self._outboxes
        self._relay, self._client_relay = self._relay_of(grants, self._is_held), self._relay_of(clients, self._is_held)
        # Never held: a process on another bus has to say there that it is.
        self._engine_relay = self._relay_of(engine, lambda: False)
        self._due_store = DueStore(database)
        self._sharing_store = SharingStore(database)
        self._client_secrets = ClientSecrets(
            self._client_store,
            self._due_store,
            self._vault.installation_private_jwks(),
            self._vault.fingerprint,
            self._store.time,
            self._clock,
        )
        self._clients = Clients(
            self._client_store, self._store, self._due_store, self._client_secrets, self._client_relay, self._ids
        )
        self._engine = EngineSwitch(
            self._engine_store,
            self._engine_relay,
            self._cluster,
            self._store.time,
            clock=self._clock,
            ids=self._ids,
            metrics=self._metrics,
        )

    def _is_held(self) -> bool:
        return self._engine.is_held()

    def _relay_of(self, outbox: Outbox, is_held: Callable[[], bool]) -> OutboxRelay:
        return OutboxRelay(
            outbox,
            self._publisher,
            clock=self._clock,
            metrics=self._metrics,
            failpoints=self._failpoints,
            is_held=is_held,
            now=self._store.time.now,
        )

    def _wire_attempts(self) -> None:
        store, clients, clock, ids, metrics = self._store, self._clients, self._clock, self._ids, self._metrics
        self._usage = Usage(store, clock=clock, metrics=metrics, is_held=self._is_held)
        self._answers = Answers(self._vault, self._secrets)
        self._discovery = Discovery(self._door, self._client_store, store.time, clock)
        self._patience = patience = Patience(clock, ids, metrics)
        self._storing = Storing(store, clients, self._relay, patience, ids=ids, failpoints=self._failpoints)
        keeping = Keeping(store, self._secrets, patience)
        calls = ProviderCalls(
            self._door,
            self._discovery,
            self._secrets,
            self._client_secrets,
            store.time,
            self._broker.instruments,
        )
        telling = Telling(self._answers, self._replier, self._directory, clients, store, self._usage, metrics)
        issuing, storing = Issuing(self._secrets), self._storing
        renewal = Renewal(store, calls, clients, issuing, storing, telling, keeping, ids)
        self._taking = Taking(store, issuing, self._secrets, storing, keeping, patience, clients)
        login = LoginExchange(store, self._logins, calls, self._taking, self._secrets, storing, telling)
        ending = GrantEnding(store, calls, storing, telling, self._publisher, ids)
        slots = Slots(self._settings.attempts, clients)
        halt = Halt(self._engine, self._engine_store, store, storing, telling)
        self._reencryption = Reencryption(store, self._client_store, self._secrets, self._vault, metrics, self._is_held)
        self._reencrypting = Loop("reencryption", self._reencryption.turn, clock=clock, metrics=metrics)
        self._halting = Loop("halt", halt.turn, clock=clock, metrics=metrics)
        expiring = Expiring(store, self._due_store, clients, self._relay, ids, self._is_held)
        self._expiring = Loop("expiring", expiring.turn, clock=clock, metrics=metrics)
        settling = Settling(store, storing, telling, patience)
        adoption = Adoption(calls, self._secrets, self._taking, storing, telling, patience)
        self._login_start = LoginStart(
            store, self._logins, self._discovery, self._secrets, storing, telling, self._settings.public_url, ids
        )
        devices = DeviceLogins(store, calls, self._secrets, self._taking, storing, telling, clients)
        logins = Logins(self._login_start, login, devices, adoption)
        attempts = Attempts(store, renewal, logins, ending, settling, slots, halt, clock)
        self._scheduler = Scheduler(
            store,
            self._due_store,
            clients,
            attempts,
            slots,
            self._broker.instruments,
            halted=self._engine.refusal,
            unstored=self._patience.unstored,
        )

    def _wire_looks(self) -> None:
        clock, metrics, is_held = self._clock, self._metrics, self._is_held
        sharing = Sharing(self._sharing_store, self._storing, clock, is_held)
        self._sharing = Loop("sharing", sharing.turn, clock=clock, metrics=metrics)
        unused_clients = UnusedClients(
            self._client_store, self._client_relay, self._publisher, self._store.time, self._ids, is_held
        )
        self._forgetting = Loop("unused clients", unused_clients.turn, clock=clock, metrics=metrics)

    def _subscribe(self) -> None:
        ring, dead_letters, clock = self._ring, self._dead_letters, self._clock
        requests_gate = principal_gate(
            TOKEN_REQUESTS,
            ring=ring,
            directory=self._directory,
            dead_letters=dead_letters,
            replier=self._replier,
            clock=clock,
        )
        events_gate = service_gate(CONFIG_EVENTS, ring=ring, dead_letters=dead_letters, clock=clock)
        config_events = unless_held(self._is_held, self._config_events().handle)
        stream(self._broker, events_gate, group=NAME, handler=config_events)
        stream(self._broker, requests_gate, group=NAME, handler=self._token_requests().handle)

    def _config_events(self) -> ConfigEvents:
        return ConfigEvents(
            self._store,
            self._client_store,
            self._clients,
            self._client_secrets,
            self._relay,
            self._ids,
            self._scheduler.wake,
            self._failpoints,
        )

    def _token_requests(self) -> TokenRequests:
        store, clients, secrets = self._store, self._clients, self._secrets
        wishes = Wishes(store, clients, self._engine, self._relay, self._ids)
        jwks = self._vault.installation_private_jwks()
        opener = Opener(jwks)
        starts = Starts(self._discovery, self._login_start, wishes, self._storing, self._engine)
        returns = Returns(store, self._logins, opener, secrets, wishes, self._storing)
        adoptions = AdoptionRequests(jwks, secrets, self._taking, wishes)
        requested = Requested(store, clients, wishes, self._answers)
        about_one = AboutOneGrant(requested, LoginRequests(starts, returns, DeviceRequests(wishes), adoptions), clients)
        gets = Gets(store, clients, self._engine, self._answers, self._replier, self._usage, self._metrics)
        credentials = Credentials(self._directory, self._ring, self._vault, self._settings.kafka)
        engine = EngineRequests(self._engine_store, self._engine, store, self._reencryption, self._clock)
        return TokenRequests(
            store,
            gets,
            about_one,
            AboutAll(Overview(store, clients), credentials, engine),
            self._replier,
            self._scheduler.wake,
            self._failpoints,
        )

    async def _prepare(self) -> None:
        await self._store.prepare()
        await self._client_store.prepare()
        await self._sharing_store.prepare()
        await self._logins.prepare()
        for outbox in self._outboxes:
            await outbox.ensure_index()

    def parts(self) -> Sequence[Part]:
        """Return the parts in the order in which they start."""
        checks = {
            "mongo": self._mongo.problems,
            "publisher": self._publisher.problems,
            "principals": self._directory.problems,
            "grants": self._reading.problems,
            "outbox": self._relay.problems,
            "client outbox": self._client_relay.problems,
            "engine outbox": self._engine_relay.problems,
            "engine": self._engine.problems,
            "halt": self._halting.problems,
            "expiring": self._expiring.problems,
            "reencryption": self._reencrypting.problems,
            "unused clients": self._forgetting.problems,
            "sharing": self._sharing.problems,
            "consumers": self._broker.problems,
            "scheduler": self._scheduler.problems,
            "results": self._patience.problems,
            "usage": self._usage.problems,
        }
        return [
            HealthServer(self._settings.health, self._metrics, checks),
            self._door,
            self._mongo,
            Indexes(self._prepare),
            self._topics,
            self._publisher,
            self._directory,
            self._cluster,
            self._engine,
            self._relay,
            self._client_relay,
            self._engine_relay,
            self._usage,
            self._broker,
            self._halting,
            self._expiring,
            self._reencrypting,
            self._forgetting,
            self._sharing,
            self._scheduler,
        ]


def build_app(
    settings: RefresherSettings, door: Door, *, clock: Clock, ids: Ids, failpoints: Failpoints | None = None
) -> Sequence[Part]:
    """Wire the process; raises RingError for a ring that cannot be used."""
    hooks = failpoints or Failpoints.from_setting(settings.failpoint)
    return Refresher(settings, door, clock=clock, ids=ids, failpoints=hooks).parts()
