"""Wiring: which parts the process has, in the order in which they start, and which handler takes which topic."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from grantkeeper.bus.broker import Broker
from grantkeeper.bus.consume import command
from grantkeeper.bus.dead_letter import DeadLetters
from grantkeeper.bus.gate import principal_gate, service_gate
from grantkeeper.bus.outbox import OutboxRelay
from grantkeeper.bus.principals import PrincipalDirectory
from grantkeeper.bus.publish import Publisher
from grantkeeper.bus.reply import Replier
from grantkeeper.bus.topics import Topics
from grantkeeper.crypto.ring import AuthRing
from grantkeeper.mongo.client import MongoConnection
from grantkeeper.mongo.indexes import Indexes
from grantkeeper.process.clock import Clock, Ids
from grantkeeper.process.failpoints import Failpoints
from grantkeeper.process.health import HealthServer
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.run import Loop, Part
from schemas.topics import ADMIN_NOTIFICATIONS, DEAD_LETTERS, EXPIRY_EVENTS, NOTIFICATION_COMMANDS, PRINCIPALS
from services.notifier.channels import open_channels
from services.notifier.expiry_events import ExpiryEvents
from services.notifier.messages import changed_message
from services.notifier.notification_commands import NotificationCommands
from services.notifier.reminders import Reminders
from services.notifier.settings import NotifierSettings
from services.notifier.store import NotificationStore
from services.notifier.telling import TellChannels

NAME = "notifier"
TOPICS = (EXPIRY_EVENTS, NOTIFICATION_COMMANDS, ADMIN_NOTIFICATIONS, PRINCIPALS, DEAD_LETTERS)
TURN_TAKES: Final = 300.0
"""Seconds that a turn may take before it counts as stuck: a slow mail server gets 30 for each notice."""


class Notifier:
    """The wired process."""

    def __init__(self, settings: NotifierSettings, *, clock: Clock, ids: Ids, failpoints: Failpoints) -> None:
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._failpoints = failpoints
        self._metrics = Metrics(NAME)
        self._ring = AuthRing.from_file(settings.rings.auth_file)
        self._say = partial(changed_message, public_url=settings.public_url)
        self._mongo = MongoConnection(settings.mongo, service=NAME, clock=clock)
        self._store = NotificationStore(self._mongo.database, self._say, timedelta(seconds=settings.channels.wait))
        self._wire_bus()
        self._subscribe()
        self._make_loops()

    def _wire_bus(self) -> None:
        kafka, key, clock, metrics = self._settings.kafka, self._ring.service_key(NAME), self._clock, self._metrics
        self._topics = Topics(kafka, TOPICS, clock=clock, metrics=metrics)
        self._publisher = Publisher(kafka, key, service=NAME, clock=clock, metrics=metrics)
        self._relay = OutboxRelay(
            self._store.outbox, self._publisher, clock=clock, metrics=metrics, failpoints=self._failpoints
        )
        self._directory = PrincipalDirectory(kafka, self._ring, service=NAME, clock=clock)
        self._replier = Replier(self._publisher, self._ring, clock=clock, ids=self._ids, metrics=metrics)
        self._dead_letters = DeadLetters(self._publisher, clock=clock, ids=self._ids, metrics=metrics)
        self._broker = Broker(
            kafka, service=NAME, clock=clock, ids=self._ids, metrics=metrics, failpoints=self._failpoints
        )

    def _subscribe(self) -> None:
        clock, metrics, hooks = self._clock, self._metrics, self._failpoints
        events = ExpiryEvents(self._store, self._relay, clock=clock, metrics=metrics, failpoints=hooks)
        commands = NotificationCommands(
            self._store, self._say, self._relay, self._replier, clock=clock, metrics=metrics, failpoints=hooks
        )
        events_gate = service_gate(EXPIRY_EVENTS, ring=self._ring, dead_letters=self._dead_letters, clock=clock)
        commands_gate = principal_gate(
            NOTIFICATION_COMMANDS,
            ring=self._ring,
            directory=self._directory,
            dead_letters=self._dead_letters,
            replier=self._replier,
            clock=clock,
        )
        command(self._broker, events_gate, group=NAME, handler=events.handle)
        command(self._broker, commands_gate, group=NAME, handler=commands.handle)

    def _make_loops(self) -> None:
        settings, interval, clock, metrics = self._settings, self._settings.interval, self._clock, self._metrics
        urls = settings.channels.urls
        reminders = Reminders(self._store, self._relay, clock=clock, metrics=metrics, interval=interval)
        telling = TellChannels(
            self._store,
            open_channels(None if urls is None else urls.get_secret_value(), metrics),
            public_url=settings.public_url,
            digest_from=settings.channels.digest_from,
            interval=interval,
            clock=clock,
            ids=self._ids,
        )
        patience = interval + TURN_TAKES
        self._loops = {
            "reminders": Loop("reminders", reminders.turn, clock=clock, metrics=metrics, patience=patience),
            "channels": Loop("channels", telling.turn, clock=clock, metrics=metrics, patience=patience),
        }

    def parts(self) -> Sequence[Part]:
        """Return the parts in the order in which they start."""
        checks = {
            "mongo": self._mongo.problems,
            "publisher": self._publisher.problems,
            "principals": self._directory.problems,
            "outbox": self._relay.problems,
            "consumers": self._broker.problems,
            **{name: loop.problems for name, loop in self._loops.items()},
        }
        return [
            HealthServer(self._settings.health, self._metrics, checks),
            self._mongo,
            Indexes(self._store.prepare),
            self._topics,
            self._publisher,
            self._directory,
            self._relay,
            self._broker,
            *self._loops.values(),
        ]


def build_app(
    settings: NotifierSettings, *, clock: Clock, ids: Ids, failpoints: Failpoints | None = None
) -> Sequence[Part]:
    """Wire the process; raises SettingsError or RingError for a file or a URL that cannot be used."""
    hooks = failpoints or Failpoints.from_setting(settings.failpoint)
    return Notifier(settings, clock=clock, ids=ids, failpoints=hooks).parts()
