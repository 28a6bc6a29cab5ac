"""The door of a topic: lets good messages in, answers or buries the others, all of a batch at once.

The rules stand in admission.py; here their decisions are carried out.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Generic, TypeAlias, TypeVar

from grantkeeper.bus.admission import (
    Directory,
    Explain,
    PrincipalAdmission,
    Refused,
    ServiceAdmission,
    Skipped,
    Unattributed,
    untimely,
)
from grantkeeper.bus.dead_letter import DeadLetters
from grantkeeper.bus.errors import UnknownTopic
from grantkeeper.bus.messages import Record, place_of, types_of
from grantkeeper.bus.received import Place, Received, ReceivedEvent
from grantkeeper.bus.reply import Replier
from grantkeeper.crypto.ring import AuthRing
from grantkeeper.process.clock import Clock
from grantkeeper.process.logging import get_logger
from schemas.replies import ErrorBody
from schemas.topics import TOPICS

log = get_logger(__name__)

T = TypeVar("T", Received, ReceivedEvent)
Decided: TypeAlias = Refused | Skipped | Unattributed
"""What becomes of a message that a handler does not get."""


class Gate(Generic[T]):
    """Admits the records of one logical topic."""

    def __init__(
        self,
        topic: str,
        decide: Callable[[Record, datetime], T | Decided],
        dead_letters: DeadLetters,
        replier: Replier | None,
        clock: Clock,
    ) -> None:
        self.topic = topic
        self._decide: Callable[[Record, datetime], T | Decided] = decide
        self._dead_letters = dead_letters
        self._replier = replier
        self._clock = clock

    async def admit(self, records: Sequence[Record]) -> list[T]:
        """Return the good messages in their order; the others are dead letters, answered or noted when this returns.

        Raises Unavailable where these could not be published: then nothing of the batch may be committed.
        """
        now = self._clock.now()
        decisions = [self._decided(record, now) for record in records]
        buried = [one for one in decisions if isinstance(one, Unattributed)]
        refused = [one for one in decisions if isinstance(one, Refused)]
        self._dead_letters.pass_over([one for one in decisions if isinstance(one, Skipped)])
        if buried:
            await self._dead_letters.put_many(buried)
        if refused and self._replier is not None:
            await self._replier.refuse(self.topic, refused)
        return [one for one in decisions if not isinstance(one, Unattributed | Refused | Skipped)]

    def _decided(self, record: Record, now: datetime) -> T | Decided:
        try:
            return self._decide(record, now)
        except Exception as error:
            # A record that the rules cannot even look at must not keep its neighbours out.
            place = place_of(record)
            log.exception("no decision on a message", topic=place.topic, partition=place.partition, offset=place.offset)
            return Unattributed(place, "handler_failed", type(error).__name__)

    @property
    def answers(self) -> bool:
        """Whether a message that is given up is answered: somebody knows of it and may send it again."""
        return self._replier is not None

    async def give_up(self, message: T, error: Exception) -> None:
        """Bury a message that a handler cannot take, by a mistake there, and answer its sender; raises Unavailable."""
        place = message.place
        log.error("message given up", topic=place.topic, partition=place.partition, offset=place.offset)
        await self._dead_letters.put_many([Unattributed(place, "handler_failed", type(error).__name__)])
        if self._replier is not None and isinstance(message, Received):
            await self._replier.refuse(self.topic, [Refused(place, message.reply_to, _own_mistake(place))])

    def untimely(self, received: T) -> str | None:
        """Say why a message is out of its time, None = it is not; for a service that looks elsewhere before it asks."""
        return untimely(received.envelope, self._clock.now())


def principal_gate(
    topic: str,
    *,
    ring: AuthRing,
    directory: Directory,
    dead_letters: DeadLetters,
    replier: Replier,
    clock: Clock,
    check_deadline: bool = True,
    explain: Explain | None = None,
) -> Gate[Received]:
    """Make the door for commands or requests.

    `check_deadline=False`: the service has a stored answer to look up first, and calls `untimely` itself.
    """
    if not any(sender.startswith("principals") for sender in _senders(topic)):
        raise UnknownTopic(f"principals do not send on {topic!r}")
    admission = PrincipalAdmission(ring, directory, types_of(topic), check_deadline, explain)
    return Gate(topic, admission.decide, dead_letters, replier, clock)


def service_gate(topic: str, *, ring: AuthRing, dead_letters: DeadLetters, clock: Clock) -> Gate[ReceivedEvent]:
    """Make the door for the events of services."""
    signers = frozenset(f"@{sender}" for sender in _senders(topic))
    admission = ServiceAdmission(ring, signers, types_of(topic))
    return Gate(topic, admission.decide, dead_letters, None, clock)


def _own_mistake(place: Place) -> ErrorBody:
    where = f"partition {place.partition}, offset {place.offset} of {place.topic}"
    message = f"a mistake in the service itself ({where}): look what became of it; the service's log says more"
    return ErrorBody(code="internal_error", message=message)


def _senders(topic: str) -> tuple[str, ...]:
    if topic not in TOPICS:
        raise UnknownTopic(f"schemas.topics.TOPICS has no topic {topic!r}")
    return TOPICS[topic].senders
