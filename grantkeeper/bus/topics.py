"""Topics are made at start if they are missing; one that exists otherwise is reported, never changed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, KafkaTimeoutError, for_code

from grantkeeper.bus.connection import aiokafka_arguments, until_connected
from grantkeeper.bus.errors import Unavailable, UnknownTopic
from grantkeeper.process.clock import SYSTEM_CLOCK, Clock
from grantkeeper.process.logging import get_logger
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.settings import KafkaSettings
from schemas.topics import REPLY_TOPIC, TOPICS, Topic, reply_topic

log = get_logger(__name__)

_LOCAL: Final = "grantkeeper"
_TOLD_POLL: Final = 0.05
"""Seconds between two looks whether the brokers know a new topic; mostly the first one finds it."""
_TOLD_WITHIN_POLLS: Final = 200


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A topic that is not as the contract wants it."""

    topic: str
    setting: str
    expected: str
    actual: str


class Topics:
    """The topics that a service sends to or reads; a part of the process, and the first one that meets Kafka."""

    def __init__(self, settings: KafkaSettings, names: Sequence[str], *, clock: Clock, metrics: Metrics) -> None:
        unknown = [name for name in names if name not in TOPICS]
        if unknown:
            raise UnknownTopic(f"schemas.topics.TOPICS has no {', '.join(unknown)}")
        self._settings = settings
        self._names = names
        self._clock = clock
        self._metrics = metrics
        self.mismatches: list[Mismatch] = []

    async def start(self) -> None:
        """Make what is missing, compare what is there; waits while Kafka is away."""
        self.mismatches = await until_connected("topics", self._settings, self._clock, self._ensure)
        self._metrics.set("topic_mismatches", len(self.mismatches))

    async def stop(self) -> None:
        """Nothing is held open."""

    async def _ensure(self) -> list[Mismatch]:
        return await ensure_topics(self._settings, self._names)


async def ensure_topics(settings: KafkaSettings, names: Sequence[str]) -> list[Mismatch]:
    """Make the named logical topics where they are missing; return (and log) how others differ. Raises KafkaError."""
    wanted = {settings.topic(name): TOPICS[name] for name in names}
    return await _ensure(settings, wanted)


async def ensure_reply_topic(settings: KafkaSettings, principal: str) -> list[Mismatch]:
    """Make a principal's reply topic where it is missing; raises Unavailable."""
    return await ensure_reply_topics(settings, [principal])


async def ensure_reply_topics(settings: KafkaSettings, principals: Iterable[str]) -> list[Mismatch]:
    """Make the reply topics of principals where they are missing; raises Unavailable."""
    try:
        return await _ensure(settings, {settings.topic(reply_topic(one)): REPLY_TOPIC for one in principals})
    except KafkaError as error:
        raise Unavailable(f"Kafka: {type(error).__name__}: {error}") from error


async def _ensure(settings: KafkaSettings, wanted: Mapping[str, Topic]) -> list[Mismatch]:
    admin = AIOKafkaAdminClient(**aiokafka_arguments(settings, _LOCAL))
    try:
        await admin.start()
        present = set(await admin.list_topics()) & wanted.keys()
        await _create(admin, settings, {name: topic for name, topic in wanted.items() if name not in present})
        mismatches = await _compare(admin, settings, {name: wanted[name] for name in present})
    finally:
        await admin.close()
    for mismatch in mismatches:
        log.warning(
            "topic differs from the contract; change it by Kafka's own tools, or the setting",
            topic=mismatch.topic,
            setting=mismatch.setting,
            expected=mismatch.expected,
            actual=mismatch.actual,
        )
    return mismatches


def partitions_of(settings: KafkaSettings, topic: Topic) -> int:
    """Return how many partitions a topic is made with: the setting decides, except where the contract needs one."""
    return topic.partitions if topic.partitions == 1 or settings.partitions is None else settings.partitions


async def _create(admin: AIOKafkaAdminClient, settings: KafkaSettings, missing: Mapping[str, Topic]) -> None:
    if not missing:
        return
    new = [_new_topic(settings, name, topic) for name, topic in missing.items()]
    response = await admin.create_topics(new)
    for name, code, *_ in response.topic_errors:
        # Two processes that start together both see it missing: the later one looks again, and then compares.
        if code:
            raise for_code(code)(f"topic {name} could not be made")
    await _until_told(admin, missing.keys())
    log.info("topics made", topics=sorted(missing))


async def _until_told(admin: AIOKafkaAdminClient, made: Collection[str]) -> None:
    """Wait until brokers tell of new topics: the controller knows them first; a reply would be dropped till then."""
    for _ in range(_TOLD_WITHIN_POLLS):
        if set(await admin.list_topics()).issuperset(made):
            return
        await SYSTEM_CLOCK.sleep(_TOLD_POLL)
    raise KafkaTimeoutError("topics were made, but the brokers do not tell of them yet")


def _new_topic(settings: KafkaSettings, name: str, topic: Topic) -> NewTopic:
    factor = settings.replication_factor
    # aiokafka takes "the broker's default" (-1) only together with an assignment, which may be empty.
    return NewTopic(name, partitions_of(settings, topic), factor, {} if factor == -1 else None, dict(topic.settings()))


async def _compare(admin: AIOKafkaAdminClient, settings: KafkaSettings, present: Mapping[str, Topic]) -> list[Mismatch]:
    if not present:
        return []
    found = await _settings_of(admin, list(present))
    mismatches = []
    for name, topic in present.items():
        expected = {"partitions": str(partitions_of(settings, topic)), **topic.settings()}
        mismatches += [
            Mismatch(name, setting, value, found[name].get(setting, "(unset)"))
            for setting, value in expected.items()
            if found[name].get(setting) != value
        ]
    return mismatches


async def _settings_of(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    descriptions: list[dict[str, Any]] = await admin.describe_topics(list(names))
    found = {one["topic"]: {"partitions": str(len(one["partitions"]))} for one in descriptions}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    for response in await admin.describe_configs(resources):
        for _code, _message, _kind, name, entries in response.resources:
            found[name] |= {entry[0]: entry[1] for entry in entries}
    return found
