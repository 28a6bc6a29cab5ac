"""No subscriber that could lose a message: each is walked, and an unsafe one keeps the process from starting."""

from typing import Any

import pytest
from faststream import AckPolicy
from faststream.kafka import KafkaRouter

from grantkeeper.bus.broker import Broker, refuse_unsafe
from grantkeeper.bus.consume import command, stream
from grantkeeper.bus.errors import UnknownTopic, UnsafeSubscription
from grantkeeper.bus.gate import Gate, principal_gate, service_gate
from grantkeeper.bus.received import Received
from grantkeeper.crypto.ring import AuthRing
from grantkeeper.process.clock import SYSTEM_CLOCK, SYSTEM_IDS
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.settings import KafkaSettings
from schemas import config_commands, config_events, token_requests  # noqa: F401 - register their messages
from schemas.topics import CONFIG_COMMANDS, CONFIG_EVENTS, TOKEN_REQUESTS
from tests.unit.bus.doubles import Directory

SETTINGS = KafkaSettings(bootstrap_servers="127.0.0.1:1", prefix="p.", group_instance_id="refresher-0")


@pytest.fixture
def broker() -> Broker:
    return Broker(SETTINGS, service="refresher", clock=SYSTEM_CLOCK, ids=SYSTEM_IDS, metrics=Metrics("test"))


def gate(topic: str) -> Gate[Received]:
    nothing: Any = None
    return principal_gate(
        topic,
        ring=AuthRing.new("r1"),
        directory=Directory(),
        dead_letters=nothing,
        replier=nothing,
        clock=SYSTEM_CLOCK,
    )


async def handle(_: object) -> None: ...


def test_both_shapes_commit_after_success_and_from_the_earliest_message(broker: Broker) -> None:
    command(broker, gate(CONFIG_COMMANDS), group="refresher", handler=handle)
    stream(broker, gate(TOKEN_REQUESTS), group="refresher", handler=handle)
    subscribers: list[Any] = sorted(broker.kafka.subscribers, key=lambda one: one.group_id)  # they come in no order
    assert [one.group_id for one in subscribers] == ["p.refresher.config.commands", "p.refresher.token.requests"]
    for one in subscribers:
        assert one.ack_policy is AckPolicy.NACK_ON_ERROR
        assert one._connection_args["enable_auto_commit"] is False
        assert one._connection_args["auto_offset_reset"] == "earliest"
        assert one._no_reply is True
    instances = [one._connection_args["group_instance_id"] for one in subscribers]
    assert instances == ["refresher-0.config.commands", "refresher-0.token.requests"], "each a member of its own"
    refuse_unsafe(broker.kafka)


class Arriving:
    """A consumer to which records come while somebody waits for them, and never between two polls."""

    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[str, list[int]]:
        return {"0": [1, 2], "1": [3]} if timeout_ms and max_records else {}


async def test_a_stream_waits_for_records_within_the_poll_itself(broker: Broker) -> None:
    subscriber = stream(broker, gate(TOKEN_REQUESTS), group="refresher", handler=handle).subscriber
    assert await subscriber.get_msg(Arriving()) == (1, 2, 3)


def test_a_subscriber_without_group_is_refused_when_it_is_declared(broker: Broker) -> None:
    with pytest.raises(UnsafeSubscription, match="name the group"):
        command(broker, gate(CONFIG_COMMANDS), group="", handler=handle)


@pytest.mark.parametrize(
    "arguments",
    [
        {"group_id": "g", "auto_offset_reset": "earliest"},
        {"group_id": "g", "auto_offset_reset": "earliest", "ack_policy": AckPolicy.ACK},
        {"group_id": "g", "auto_offset_reset": "earliest", "ack_policy": AckPolicy.MANUAL},
        {"group_id": "g", "ack_policy": AckPolicy.NACK_ON_ERROR},
        {"auto_offset_reset": "earliest", "ack_policy": AckPolicy.NACK_ON_ERROR},
    ],
)
async def test_a_subscriber_declared_past_the_two_shapes_keeps_the_process_from_starting(
    broker: Broker, arguments: dict[str, Any]
) -> None:
    router = KafkaRouter()
    router.subscriber("p.somewhere", **arguments)(handle)
    broker.kafka.include_router(router)
    with pytest.raises(UnsafeSubscription, match=r"p\.somewhere"):
        await broker.start()


def test_a_gate_knows_its_topic_and_who_sends_on_it() -> None:
    nothing: Any = None
    with pytest.raises(UnknownTopic, match="principals do not send"):
        gate(CONFIG_EVENTS)
    with pytest.raises(UnknownTopic, match="no topic"):
        service_gate("made.up", ring=AuthRing.new("r1"), dead_letters=nothing, clock=SYSTEM_CLOCK)
