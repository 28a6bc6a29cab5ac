"""The marked door for what could not be taken: place and reason, never key, headers or body (a secret may be there)."""

from collections.abc import Sequence
from datetime import datetime

from grantkeeper.bus.admission import Skipped, Unattributed
from grantkeeper.bus.publish import Publisher
from grantkeeper.process.clock import Clock, Ids
from grantkeeper.process.logging import get_logger
from grantkeeper.process.metrics import Metrics
from schemas.dead_letters import DeadLetter

log = get_logger(__name__)


class DeadLetters:
    """Reports dead letters on their topic, in the log and as a metric."""

    def __init__(self, publisher: Publisher, *, clock: Clock, ids: Ids, metrics: Metrics) -> None:
        self._publisher = publisher
        self._clock = clock
        self._ids = ids
        self._metrics = metrics

    async def put_many(self, letters: Sequence[Unattributed]) -> None:
        """Report and return when Kafka has them; raises Unavailable, and then the records must not be committed."""
        now = self._clock.now()
        await self._publisher.publish_many(
            [
                self._publisher.event(
                    self._message(letter, now), id=self._ids.uuid7(), time=now, key=letter.place.topic
                )
                for letter in letters
            ]
        )
        for letter in letters:
            place = letter.place
            self._metrics.count("dead_letters", topic=place.topic, reason=letter.reason)
            log.warning(
                "dead letter",
                topic=place.topic,
                partition=place.partition,
                offset=place.offset,
                reason=letter.reason,
                detail=letter.detail,
            )

    def pass_over(self, skipped: Sequence[Skipped]) -> None:
        """Note events that this version need not know: no dead letters, nothing is wrong with them."""
        for one in skipped:
            self._metrics.count("events_skipped", topic=one.place.topic)
            log.info("event skipped: its type is newer", topic=one.place.topic, offset=one.place.offset, type=one.type)

    def _message(self, letter: Unattributed, now: datetime) -> DeadLetter:
        return DeadLetter(
            topic=letter.place.topic,
            partition=letter.place.partition,
            offset=letter.place.offset,
            reason=letter.reason,
            detail=letter.detail,
            service=self._publisher.service,
            at=now,
        )
