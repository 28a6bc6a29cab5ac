"""Wiring: which parts the process has, in the order in which they start, and which handler takes which topic."""

from collections.abc import Sequence
from functools import partial

from grantkeeper.bus.broker import Broker
from grantkeeper.bus.consume import command
from grantkeeper.bus.dead_letter import DeadLetters
from grantkeeper.bus.gate import principal_gate
from grantkeeper.bus.outbox import OutboxRelay
from grantkeeper.bus.principals import PrincipalDirectory
from grantkeeper.bus.publish import Publisher
from grantkeeper.bus.reply import Replier
from grantkeeper.bus.topics import Topics, ensure_reply_topic
from grantkeeper.crypto.ring import AuthRing
from grantkeeper.mongo.client import MongoConnection
from grantkeeper.mongo.inbox import Inbox
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
from services.config_service.indexes import Indexes
from services.config_service.plain_secret import explain
from services.config_service.principal_store import PrincipalStore
from services.config_service.principals import Principals, Registration
from services.config_service.principals_file import read_principals
from services.config_service.purge import Purge
from services.config_service.settings import ConfigServiceSettings
from services.config_service.store import ConfigStore
from services.config_service.templates import Templates

NAME = "config_service"


def build_app(
    settings: ConfigServiceSettings, *, clock: Clock, ids: Ids, failpoints: Failpoints | None = None
) -> Sequence[Part]:
    """Wire the process; raises SettingsError or RingError for a file that cannot be used."""
    hooks = failpoints or Failpoints.from_setting(settings.failpoint)
    ring = AuthRing.from_file(settings.rings.auth_file)
    templates = Templates.load(settings.templates_dir)
    wanted = () if settings.principals_file is None else read_principals(settings.principals_file)
    metrics = Metrics(NAME)

    mongo = MongoConnection(settings.mongo, service=NAME, clock=clock)
    configs, principals = ConfigStore(mongo.database), PrincipalStore(mongo.database)
    inbox = Inbox(mongo.database["commands"])
    topics = Topics(settings.kafka, tuple(TOPICS), clock=clock, metrics=metrics)
    publisher = Publisher(settings.kafka, ring.service_key(NAME), service=NAME, clock=clock, metrics=metrics)
    config_relay = OutboxRelay(configs.outbox, publisher, clock=clock, metrics=metrics, failpoints=hooks)
    principal_relay = OutboxRelay(principals.outbox, publisher, clock=clock, metrics=metrics, failpoints=hooks)
    make_reply_topic = partial(ensure_reply_topic, settings.kafka)
    registration = Registration(principals, wanted, make_reply_topic, principal_relay.publish_now, clock)
    directory = PrincipalDirectory(settings.kafka, ring, service=NAME, clock=clock)
    replier = Replier(publisher, ring, clock=clock, ids=ids, metrics=metrics)
    gate = principal_gate(
        CONFIG_COMMANDS,
        ring=ring,
        directory=directory,
        dead_letters=DeadLetters(publisher, clock=clock, ids=ids, metrics=metrics),
        replier=replier,
        clock=clock,
        check_deadline=False,
        explain=explain,
    )
    rooms = Rooms(
        database=mongo.database,
        inbox=inbox,
        configs=configs,
        principals=principals,
        edits=ConfigEdits(configs, templates),
        reads=ConfigReads(configs, principals, templates),
        importer=Importer(configs),
        registry=Principals(principals, make_reply_topic),
    )
    commands = ConfigCommands(
        rooms,
        gate,
        replier,
        config_relay=config_relay,
        principal_relay=principal_relay,
        clock=clock,
        metrics=metrics,
        failpoints=hooks,
    )
    broker = Broker(settings.kafka, service=NAME, clock=clock, ids=ids, metrics=metrics, failpoints=hooks)
    command(broker, gate, group=NAME, handler=commands.handle)
    purge = Purge(configs, config_relay.publish_now, clock, settings.purge_interval)
    purging = Loop("purge", purge.turn, clock=clock, metrics=metrics, patience=settings.purge_interval + 60.0)
    checks = {
        "mongo": mongo.problems,
        "publisher": publisher.problems,
        "principals": directory.problems,
        "config outbox": config_relay.problems,
        "principal outbox": principal_relay.problems,
        "commands": broker.problems,
        "purge": purging.problems,
    }
    health = HealthServer(settings.health, metrics, checks)
    prepared = Indexes(configs.prepare, principals.prepare, inbox.ensure_index)
    return [
        health,
        mongo,
        prepared,
        topics,
        publisher,
        registration,
        directory,
        config_relay,
        principal_relay,
        broker,
        purging,
    ]
