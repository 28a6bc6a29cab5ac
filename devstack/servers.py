"""The two servers of the stack: started here, or those the environment names."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
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
    """Start what the environment does not name, both at once, and give it to the supervisor."""
    with ThreadPoolExecutor(2) as pool:
        kafka = pool.submit(_kafka, layout, environment.get(KAFKA_SETTING), supervisor)
        mongo = pool.submit(_mongo, layout, environment.get(MONGO_SETTING), supervisor)
    return Servers(kafka.result(), mongo.result())


def _kafka(layout: Layout, named: str | None, supervisor: Supervisor) -> str:
    if named:
        return named
    node = Node(1, layout.port("Kafka"), layout.port("Kafka controller"))
    require_free(node.port, "Kafka", layout)
    require_free(node.controller_port, "Kafka controller", layout)
    kafka = Kafka(layout.data / "kafka", node)
    kafka.launch()
    supervisor.adopt(kafka.child)  # at once: a start that is broken off must find it
    kafka.wait_until_ready()
    return kafka.bootstrap_servers


def _mongo(layout: Layout, named: str | None, supervisor: Supervisor) -> str:
    if named:
        return named
    require_free(layout.port("MongoDB"), "MongoDB", layout)
    mongo = Mongo(layout.data / "mongo", layout.port("MongoDB"))
    mongo.launch()
    supervisor.adopt(mongo.child)
    mongo.wait_until_ready()
    return mongo.uri
