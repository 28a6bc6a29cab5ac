"""Which Kafka this process speaks to: the id that brokers give their cluster, and the prefix of the installation."""

from aiokafka.admin import AIOKafkaAdminClient

from grantkeeper.bus.connection import aiokafka_arguments, until_connected
from grantkeeper.process.clock import Clock
from grantkeeper.process.settings import KafkaSettings


class Cluster:
    """A part of the process that is done when it has started."""

    def __init__(self, settings: KafkaSettings, *, service: str, clock: Clock) -> None:
        self._settings = settings
        self._service = service
        self._clock = clock
        self._name: str | None = None

    @property
    def name(self) -> str:
        """`<cluster id>/<prefix>`: two installations never share it; LookupError before the start."""
        if self._name is None:
            raise LookupError("Kafka was not met yet")
        return self._name

    async def start(self) -> None:
        """Ask; waits while Kafka is away."""
        self._name = await until_connected("cluster", self._settings, self._clock, self._ask)

    async def stop(self) -> None:
        """Nothing is held open."""

    async def _ask(self) -> str:
        admin = AIOKafkaAdminClient(**aiokafka_arguments(self._settings, self._service))
        try:
            await admin.start()
            described = await admin.describe_cluster()
        finally:
            await admin.close()
        return f"{described['cluster_id']}/{self._settings.prefix}"
