"""Apache Kafka, the real broker, as a child process: one node in KRaft mode, or a node of a local cluster."""

import os
import socket
import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from devstack.cache import cache_folder
from devstack.child import Child
from devstack.errors import StartFailed
from devstack.jars import ensure_jars, read_lock
from devstack.java import find_java
from devstack.ports import HOST, free_ports

CLUSTER_ID = "Z3JhbnRrZWVwZXItZGV2cw"  # 16 bytes, base64url
START_DEADLINE = 60.0  # seconds; 1.2 s on an idle machine
JVM = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC")
# The broker's own complaints go to its log file; the rest of what it says would hide them.
LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ssZ",
)
QUICK_START = "-XX:TieredStopAtLevel=1"  # starts in half the time, and is slower once warm: benchmarks leave it out


@dataclass(frozen=True, slots=True)
class Node:
    """One broker of a cluster and the two ports it listens on."""

    id: int
    port: int
    controller_port: int


class Kafka:
    """A broker in `folder`. A later start in the same folder finds the topics of the earlier one."""

    def __init__(
        self,
        folder: Path,
        node: Node | None = None,
        *,
        nodes: Sequence[Node] = (),
        properties: Mapping[str, str] | None = None,
        jvm: Sequence[str] = (*JVM, QUICK_START),
    ) -> None:
        self.node = node or _free_node()
        self._folder = folder.resolve()
        self._nodes = nodes or (self.node,)
        self._properties = properties or {}
        self._jvm = jvm
        self._child: Child | None = None

    @property
    def bootstrap_servers(self) -> str:
        return ",".join(f"{HOST}:{node.port}" for node in self._nodes)

    @property
    def child(self) -> Child:
        """The process, for tests that stop, freeze or kill it."""
        if self._child is None:
            raise StartFailed("Kafka was never started")
        return self._child

    def start(self, deadline: float = START_DEADLINE) -> Self:
        """Return when the broker answers requests."""
        self.launch()
        self.wait_until_ready(deadline)
        return self

    def wait_until_ready(self, deadline: float = START_DEADLINE) -> None:
        self.child.wait_until_ready(self.answers, deadline)

    def launch(self) -> None:
        """Start the process without waiting: nodes of a cluster wait for each other."""
        environment = dict(os.environ)
        jars = jar_folder(environment)
        locked = read_lock()
        ensure_jars(jars, locked)
        classpath = os.pathsep.join(str(jars / jar.name) for jar in locked)
        java = [str(find_java(environment)), *self._jvm, *LOGGING, "-cp", classpath]
        settings = self._write_settings()
        self._format_once(java, settings)
        self._child = Child(
            f"kafka-{self.node.id}",
            [*java, "kafka.Kafka", str(settings)],
            log=self._folder / "kafka.log",
            environment=_java_environment(environment),
        )
        self._child.start()

    def answers(self) -> bool:
        return answers_api_versions(self.node.port)

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()

    def _write_settings(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        settings = self._folder / "server.properties"
        lines = [f"{name}={value}" for name, value in self._settings().items()]
        settings.write_text("\n".join(lines) + "\n")
        return settings

    def _settings(self) -> dict[str, str]:
        copies = str(min(3, len(self._nodes)))
        return {
            "process.roles": "broker,controller",
            "node.id": str(self.node.id),
            "controller.quorum.voters": ",".join(f"{n.id}@{HOST}:{n.controller_port}" for n in self._nodes),
            "listeners": f"PLAINTEXT://{HOST}:{self.node.port},CONTROLLER://{HOST}:{self.node.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{self.node.port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": str(self._folder / "logs"),
            "default.replication.factor": copies,
            "min.insync.replicas": "2" if len(self._nodes) > 1 else "1",
            "offsets.topic.replication.factor": copies,
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "4",
            "group.initial.rebalance.delay.ms": "0",  # a development group has no crowd to wait for
            "auto.create.topics.enable": "false",
            "broker.heartbeat.interval.ms": "500",
            "broker.session.timeout.ms": "4000",  # a killed broker may come back only after it
            **self._properties,
        }

    def _format_once(self, java: Sequence[str], settings: Path) -> None:
        if (self._folder / "logs" / "meta.properties").exists():
            return
        tool = [*java, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(settings)]
        done = subprocess.run(
            tool, capture_output=True, text=True, check=False, env=_java_environment(os.environ), timeout=START_DEADLINE
        )
        if done.returncode != 0:
            raise StartFailed(f"Kafka's data folder {self._folder} cannot be formatted: {done.stderr.strip()[-300:]}")


def jar_folder(environment: Mapping[str, str]) -> Path:
    """Where the jars of the lock are kept; another Kafka version has another folder."""
    kafka = next(jar for jar in read_lock() if jar.name.startswith("kafka_"))
    return cache_folder(environment) / kafka.name.removesuffix(".jar")


def answers_api_versions(port: int) -> bool:
    """Whether a broker answers ApiVersions: the port alone accepts connections before requests are served."""
    client = b"grantkeeper"
    request = struct.pack(">hhih", 18, 0, 7, len(client)) + client
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = connection.recv(8)
    except OSError:
        return False
    return len(answer) == 8 and struct.unpack(">ii", answer)[1] == 7  # noqa: PLR2004 - length, then our correlation id


def _free_node() -> Node:
    port, controller_port = free_ports(2)
    return Node(1, port, controller_port)


def _java_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Without the variables by which a machine's own Java options would reach the broker."""
    return {name: value for name, value in environment.items() if not name.startswith(("JAVA_TOOL", "_JAVA", "JDK_"))}
