"""Answers: to the verified sender's own topic, signed with the receiver's key, never where a header points to."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from grantkeeper.bus.admission import Refused
from grantkeeper.bus.errors import Unavailable
from grantkeeper.bus.publish import Publisher
from grantkeeper.bus.received import Received, ReplyTo
from grantkeeper.crypto.ring import AuthRing
from grantkeeper.process.clock import Clock, Ids
from grantkeeper.process.logging import get_logger
from grantkeeper.process.metrics import Metrics
from grantkeeper_client import Envelope, sign
from schemas.reasons import RETRYABLE, ErrorCode
from schemas.replies import Detail, ErrorBody, Reply
from schemas.topics import reply_topic

log = get_logger(__name__)

MISSING_FOR: Final = 30.0
"""Seconds before a reply topic that did not exist is looked for again: its principal may just be registered."""


def success(result: Mapping[str, Any]) -> Reply:
    """Make a reply that carries a result (JSON values)."""
    return Reply(ok=True, result=dict(result))


def failure(
    code: ErrorCode,
    message: str,
    *,
    retry_after: float | None = None,
    details: Sequence[Detail] = (),
    facts: Mapping[str, Any] | None = None,
) -> Reply:
    """Make a reply that carries an error; whether it is retryable follows from the code."""
    body = ErrorBody(
        code=code,
        message=message,
        retryable=code in RETRYABLE,
        retry_after=retry_after,
        details=tuple(details),
        facts=dict(facts or {}),
    )
    return Reply(ok=False, error=body)


class Replier:
    """Sends answers, a whole batch of them at once."""

    def __init__(self, publisher: Publisher, ring: AuthRing, *, clock: Clock, ids: Ids, metrics: Metrics) -> None:
        self._publisher = publisher
        self._ring = ring
        self._clock = clock
        self._ids = ids
        self._metrics = metrics
        self._topics = _ReplyTopics(publisher, clock)

    async def ok(self, to: Received | ReplyTo, result: Mapping[str, Any]) -> None:
        """Answer with a result; raises Unavailable."""
        await self.many([(to, success(result))])

    async def error(self, to: Received | ReplyTo, code: ErrorCode, message: str, **more: Any) -> None:
        """Answer with an error (`more` as in `failure`); raises Unavailable."""
        await self.many([(to, failure(code, message, **more))])

    async def many(self, answers: Sequence[tuple[Received | ReplyTo, Reply]]) -> None:
        """Send all and return when Kafka has them; raises Unavailable.

        A reply whose topic does not exist, or whose ring is gone, is dropped and logged: nobody could read it.
        """
        addressed = [(to.reply_to if isinstance(to, Received) else to, reply) for to, reply in answers]
        readers = {(to.principal, to.ring_id) for to, _ in addressed}
        unheard = {reader: why for reader in readers if (why := await self._unheard(*reader)) is not None}
        now = self._clock.now()
        envelopes = []
        for to, reply in addressed:
            reason = unheard.get((to.principal, to.ring_id))
            if reason is None:
                envelopes.append(self._envelope(to, reply, now))
            else:
                self._metrics.count("replies_dropped")
                log.warning("reply dropped", principal=to.principal, reason=reason)
        try:
            await self._publisher.publish_many(envelopes)
        except Unavailable:
            self._topics.forget()
            raise

    async def refuse(self, topic: str, refused: Sequence[Refused]) -> None:
        """Answer what never reached a handler of `topic`."""
        await self.many([(one.reply_to, Reply(ok=False, error=one.error)) for one in refused])
        for one in refused:
            self._metrics.count("refused_messages", topic=topic, code=one.error.code)

    async def _unheard(self, principal: str, ring_id: str) -> str | None:
        """Say why nobody could read a reply; None where somebody can."""
        if ring_id not in self._ring.entries:
            return "its ring is gone"
        return None if await self._topics.exists(principal) else "its topic does not exist"

    def _envelope(self, to: ReplyTo, reply: Reply, now: datetime) -> Envelope:
        envelope = Envelope(
            topic=self._publisher.topic(reply_topic(to.principal)),
            key=None,
            id=self._ids.uuid7(),
            type=Reply.TYPE,
            source=self._publisher.source,
            time=now,
            value=reply.model_dump_json(exclude_none=True).encode(),
            correlation_id=to.correlation_id,
        )
        return sign(envelope, self._ring.principal_key(to.principal, to.version, to.ring_id))


class _ReplyTopics:
    """Which reply topics exist: a send to a missing one would hold up all other replies."""

    def __init__(self, publisher: Publisher, clock: Clock) -> None:
        self._publisher = publisher
        self._clock = clock
        self._known: set[str] = set()
        self._missing_since: dict[str, float] = {}

    async def exists(self, principal: str) -> bool:
        if principal in self._known:
            return True
        now = self._clock.monotonic()
        if now - self._missing_since.get(principal, -MISSING_FOR) < MISSING_FOR:
            return False
        if await self._publisher.has_topic(self._publisher.topic(reply_topic(principal))):
            self._known.add(principal)
            self._missing_since.pop(principal, None)
            return True
        self._missing_since[principal] = now
        return False

    def forget(self) -> None:
        self._known.clear()
