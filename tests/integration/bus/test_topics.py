"""Topics as the contract wants them: made when missing, reported when different, never changed."""

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from grantkeeper.bus.topics import Mismatch, Topics, ensure_reply_topic, ensure_topics
from grantkeeper.process.clock import SYSTEM_CLOCK
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.settings import KafkaSettings
from schemas.topics import CONFIG_EVENTS, PRINCIPALS, TOKEN_EVENTS, TOPICS
from tests.servers import KafkaServer
from tests.waiting import wait_until


async def test_missing_topics_are_made_as_the_contract_wants_them(kafka: KafkaServer, prefix: str) -> None:
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers, prefix=prefix)
    assert await ensure_topics(settings, list(TOPICS)) == []
    found = await described(settings, prefix + TOKEN_EVENTS)
    assert found["cleanup.policy"] == "compact"
    assert found["min.compaction.lag.ms"] == str(7 * 24 * 3600 * 1000)
    assert await ensure_topics(settings, list(TOPICS)) == [], "and then there is nothing to report"


async def test_a_topic_that_differs_is_reported_and_left_as_it_is(kafka: KafkaServer, prefix: str) -> None:
    two = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers, prefix=prefix, partitions=2)
    await ensure_topics(two, [CONFIG_EVENTS, PRINCIPALS])
    await alter(two, prefix + CONFIG_EVENTS, {"cleanup.policy": "delete"})
    await wait_until(lambda: is_deleting(two, prefix + CONFIG_EVENTS))
    metrics = Metrics("test")
    three = two.model_copy(update={"partitions": 3})
    topics = Topics(three, [CONFIG_EVENTS, PRINCIPALS], clock=SYSTEM_CLOCK, metrics=metrics)
    await topics.start()
    name = prefix + CONFIG_EVENTS
    expected = [
        Mismatch(name, "partitions", "3", "2"),
        Mismatch(name, "cleanup.policy", "compact", "delete"),
    ]
    assert topics.mismatches == expected, "principals has one partition whatever the setting says"
    assert await ensure_topics(three, [CONFIG_EVENTS]) == expected
    assert metrics.registry.get_sample_value("grantkeeper_topic_mismatches") == 2


async def test_a_reply_topic_is_made_once(kafka: KafkaServer, prefix: str) -> None:
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers, prefix=prefix)
    assert await ensure_reply_topic(settings, "mail-1") == []
    assert await ensure_reply_topic(settings, "mail-1") == []
    found = await described(settings, f"{prefix}replies.mail-1")
    assert found["retention.ms"] == "600000"


async def is_deleting(settings: KafkaSettings, topic: str) -> bool:
    return (await described(settings, topic)).get("cleanup.policy") == "delete"


async def described(settings: KafkaSettings, topic: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    await admin.start()
    try:
        responses = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        return {entry[0]: entry[1] for response in responses for one in response.resources for entry in one[4]}
    finally:
        await admin.close()


async def alter(settings: KafkaSettings, topic: str, configs: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs)])
    finally:
        await admin.close()
