"""One process that consumes until it is killed.

`python -m tests.integration.bus.member SERVERS PREFIX RING SHAPE EFFECTS FAILPOINT`.
Its effect is a line in a file, synced to the disk before the handler returns.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from grantkeeper.bus.broker import Broker
from grantkeeper.bus.dead_letter import DeadLetters
from grantkeeper.bus.gate import principal_gate
from grantkeeper.bus.principals import PrincipalDirectory
from grantkeeper.bus.publish import Publisher
from grantkeeper.bus.received import Received
from grantkeeper.bus.reply import Replier
from grantkeeper.crypto.ring import AuthRing
from grantkeeper.process.clock import SYSTEM_CLOCK, SYSTEM_IDS
from grantkeeper.process.failpoints import Failpoints
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.run import Part, run
from grantkeeper.process.settings import KafkaSettings
from tests.integration.bus.installation import TOPIC_OF, Shape, number_of, subscribe


def build(servers: str, prefix: str, ring_file: str, shape: Shape, effects: str, failpoint: str) -> list[Part]:
    settings = KafkaSettings(bootstrap_servers=servers, prefix=prefix, session_timeout=2.0)
    ring, metrics = AuthRing.from_file(ring_file), Metrics("test")
    publisher = Publisher(
        settings, ring.service_key("refresher"), service="refresher", clock=SYSTEM_CLOCK, metrics=metrics
    )
    directory = PrincipalDirectory(settings, ring, service="refresher", clock=SYSTEM_CLOCK)
    failpoints = Failpoints.from_setting(failpoint)
    broker = Broker(
        settings, service="refresher", clock=SYSTEM_CLOCK, ids=SYSTEM_IDS, metrics=metrics, failpoints=failpoints
    )
    gate = principal_gate(
        TOPIC_OF[shape],
        ring=ring,
        directory=directory,
        dead_letters=DeadLetters(publisher, clock=SYSTEM_CLOCK, ids=SYSTEM_IDS, metrics=metrics),
        replier=Replier(publisher, ring, clock=SYSTEM_CLOCK, ids=SYSTEM_IDS, metrics=metrics),
        clock=SYSTEM_CLOCK,
    )

    async def note(messages: Sequence[Received]) -> None:
        await asyncio.to_thread(_append, Path(effects), [number_of(one) for one in messages])

    subscribe(broker, shape, gate, note)
    return [publisher, directory, broker]


def _append(path: Path, numbers: Sequence[int]) -> None:
    with path.open("a") as file:
        file.write("".join(f"{number}\n" for number in numbers))
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    servers, prefix, ring_file, shape, effects, failpoint = sys.argv[1:]
    run(lambda: build(servers, prefix, ring_file, "stream" if shape == "stream" else "command", effects, failpoint))
