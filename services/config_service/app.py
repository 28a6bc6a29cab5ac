"""Wiring: which parts the process has, in the order in which they start, and which handler takes which topic."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from grantkeeper.bus.broker import Broker
from grantkeeper.bus.consume import command
from grantkeeper.bus.dead_letter import DeadLetters
from grantkeeper.bus.gate import principal_gate
from grantkeeper.bus.outbox import OutboxRelay
from grantkeeper.bus.principals import PrincipalDirectory
from grantkeeper.bus.publish import Publisher
from grantkeeper.bus.reply import Replier
from grantkeeper.bus.topics import Topics, ensure_reply_topics
from grantkeeper.crypto.ring import AuthRing
from grantkeeper.mongo.client import MongoConnection
from grantkeeper.mongo.inbox import Inbox
from grantkeeper.mongo.indexes import Indexes
from grantkeeper.process.clock import Clock, Ids
from grantkeeper.process.failpoints import Failpoints
from grantkeeper.process.health import HealthServer
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.run import Loop, Part
from schemas.topics import CONFIG_COMMANDS, TOPICS
from services.config_service.config_commands import ConfigCommands, Rooms
from services.config_service.config_edits import ConfigEdits
from services.config_service.config_reads import ConfigReads
from services.config_service.importer import Importer
from services.config_service.plain_secret import explain
from services.config_service.principal_store import PrincipalStore
from services.config_service.principals import Principals, Registration
from services.config_service.principals_file import read_principals
from services.config_service.purge import Purge
from services.config_service.settings import ConfigServiceSettings
from services.config_service.store import ConfigStore
from services.config_service.templates import Templates

NAME = "config_service"
TURN_TAKES: Final = 60.0
"""Seconds that a turn may take before it counts as stuck."""


class ConfigService:
    """The wired process."""

    def __init__(self, settings: ConfigServiceSettings, *, clock: Clock, ids: Ids, failpoints: Failpoints) -> None:
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._failpoints = failpoints
        self._metrics = Metrics(NAME)
        self._ring = AuthRing.from_file(settings.rings.auth_file)
        self._templates = Templates.load(settings.templates_dir)
        wanted = () if settings.principals_file is None else read_principals(settings.principals_file)
        self._make_reply_topics = partial(ensure_reply_topics, settings.kafka)
        self._mongo = MongoConnection(settings.mongo, service=NAME, clock=clock)
        self._configs = ConfigStore(self._mongo.database)
        self._principals = PrincipalStore(self._mongo.database)
        self._inbox = Inbox(self._mongo.database["commands"])
        self._wire_bus()
        self._registration = Registration(
            self._principals, wanted, self._make_reply_topics, self._principal_relay.publish_now, clock
        )
        self._subscribe()
        self._make_purge()

    def _wire_bus(self) -> None:
        kafka, key, clock, metrics = self._settings.kafka, self._ring.service_key(NAME), self._clock, self._metrics
        self._topics = Topics(kafka, tuple(TOPICS), clock=clock, metrics=metrics)
        self._publisher = Publisher(kafka, key, service=NAME, clock=clock, metrics=metrics)
        self._config_relay = OutboxRelay(
            self._configs.outbox, self._publisher, clock=clock, metrics=metrics, failpoints=self._failpoints
        )
        self._principal_relay = OutboxRelay(
            self._principals.outbox, self._publisher, clock=clock, metrics=metrics, failpoints=self._failpoints
        )
        self._directory = PrincipalDirectory(kafka, self._ring, service=NAME, clock=clock)
        self._broker = Broker(
            kafka, service=NAME, clock=clock, ids=self._ids, metrics=metrics, failpoints=self._failpoints
        )

    def _subscribe(self) -> None:
        clock, ids, metrics = self._clock, self._ids, self._metrics
        replier = Replier(self._publisher, self._ring, clock=clock, ids=ids, metrics=metrics)
        gate = principal_gate(
            CONFIG_COMMANDS,
            ring=self._ring,
            directory=self._directory,
            dead_letters=DeadLetters(self._publisher, clock=clock, ids=ids, metrics=metrics),
            replier=replier,
            clock=clock,
            check_deadline=False,
            explain=explain,
        )
        handler = ConfigCommands(
            self._rooms(),
            gate,
            replier,
            config_relay=self._config_relay,
            principal_relay=self._principal_relay,
            clock=clock,
            metrics=metrics,
            failpoints=self._failpoints,
        )
        command(self._broker, gate, group=NAME, handler=handler.handle)

    def _rooms(self) -> Rooms:
        return Rooms(
            database=self._mongo.database,
            inbox=self._inbox,
            configs=self._configs,
            principals=self._principals,
            edits=ConfigEdits(self._configs, self._templates),
            reads=ConfigReads(self._configs, self._principals, self._templates),
            importer=Importer(self._configs, self._ring.entries),
            registry=Principals(self._principals, self._make_reply_topics),
        )

    def _make_purge(self) -> None:
        interval = self._settings.purge_interval
        purge = Purge(self._configs, self._config_relay.publish_now, self._clock, interval)
        self._purging = Loop(
            "purge", purge.turn, clock=self._clock, metrics=self._metrics, patience=interval + TURN_TAKES
        )

    def parts(self) -> Sequence[Part]:
        """Return the parts in the order in which they start: principals are announced before commands are taken."""
        checks = {
            "mongo": self._mongo.problems,
            "publisher": self._publisher.problems,
            "principals": self._directory.problems,
            "config outbox": self._config_relay.problems,
            "principal outbox": self._principal_relay.problems,
            "commands": self._broker.problems,
            "purge": self._purging.problems,
        }
        return [
            HealthServer(self._settings.health, self._metrics, checks),
            self._mongo,
            Indexes(self._configs.prepare, self._principals.prepare, self._inbox.ensure_index),
            self._topics,
            self._publisher,
            self._registration,
            self._directory,
            self._config_relay,
            self._principal_relay,
            self._broker,
            self._purging,
        ]


def build_app(
    settings: ConfigServiceSettings, *, clock: Clock, ids: Ids, failpoints: Failpoints | None = None
) -> Sequence[Part]:
    """Wire the process; raises SettingsError or RingError for a file that cannot be used."""
    hooks = failpoints or Failpoints.from_setting(settings.failpoint)
    return ConfigService(settings, clock=clock, ids=ids, failpoints=hooks).parts()
