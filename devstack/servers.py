"""The two servers of the stack: started here, or those the environment names."""

from collections.abc import Mapping
from dataclasses import dataclass

from devstack.kafka import Kafka, Node
from devstack.layout import Layout
from devstack.mongo import Mongo
from devstack.ports import require_free
from devstack.processes import Supervisor

KAFKA_SETTING, MONGO_SETTING = "GRANTKEEPER_KAFKA__BOOTSTRAP_SERVERS", "GRANTKEEPER_MONGO__URI"


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the services find Kafka and MongoDB."""

    bootstrap_servers: str
    mongo_uri: str


def start_servers(layout: Layout, environment: Mapping[str, str], supervisor: Supervisor) -> Servers:
    """Start what the environment does not name, and give it to the supervisor; return when both can be used.

    Each is adopted at once, before anything is waited for: a start that is broken off must find and end it.
    """
    mongo = None if environment.get(MONGO_SETTING) else _launch_mongo(layout, supervisor)
    kafka = None if environment.get(KAFKA_SETTING) else _launch_kafka(layout, supervisor)
    if mongo is not None:
        mongo.wait_until_ready()
    if kafka is not None:
        kafka.wait_until_ready()
    return Servers(
        bootstrap_servers=kafka.bootstrap_servers if kafka else environment[KAFKA_SETTING],
        mongo_uri=mongo.uri if mongo else environment[MONGO_SETTING],
    )


def _launch_mongo(layout: Layout, supervisor: Supervisor) -> Mongo:
    require_free(layout.port("MongoDB"), "MongoDB", layout)
    mongo = Mongo(layout.data / "mongo", layout.port("MongoDB"))
    mongo.launch()
    supervisor.adopt(mongo.child)
    return mongo


def _launch_kafka(layout: Layout, supervisor: Supervisor) -> Kafka:
    node = Node(1, layout.port("Kafka"), layout.port("Kafka controller"))
    require_free(node.port, "Kafka", layout)
    require_free(node.controller_port, "Kafka controller", layout)
    kafka = Kafka(layout.data / "kafka", node)
    kafka.launch()
    supervisor.adopt(kafka.child)
    return kafka
