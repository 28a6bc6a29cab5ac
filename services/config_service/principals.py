"""Principals: registered, disabled, brought back; each with the reply topic that it will read.

The reply topic is made before the principal is announced: whoever is known can be answered.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from grantkeeper.bus.errors import Unavailable
from grantkeeper.mongo.outbox import Pending
from grantkeeper.mongo.transaction import Session
from grantkeeper.process.clock import Clock
from grantkeeper.process.logging import get_logger
from schemas.config_commands import PrincipalAdd, PrincipalDisable
from services.config_service.domain.principals import PrincipalDecision, add, disable
from services.config_service.domain.values import Refusal
from services.config_service.principal_store import PrincipalStore, pending

log = get_logger(__name__)

RETRY_PAUSE: Final = 2.0
"""Seconds between two tries at start; two processes that start together may both make the same topic."""

PrincipalCommand: TypeAlias = PrincipalAdd | PrincipalDisable
MakeReplyTopics = Callable[[Sequence[str]], Awaitable[object]]
Publish = Callable[[Sequence[Pending]], Awaitable[None]]


class Principals:
    """What the commands on principals mean for what is stored now."""

    def __init__(self, store: PrincipalStore, make_reply_topics: MakeReplyTopics) -> None:
        self._store = store
        self._make_reply_topics = make_reply_topics

    async def prepare(self, command: PrincipalCommand) -> None:
        """Do what stands outside the transaction: make the reply topic where it is missing."""
        if isinstance(command, PrincipalAdd):
            await self._make_reply_topics([command.principal])

    async def decide(self, command: PrincipalCommand, session: Session) -> PrincipalDecision:
        """Decide on one command."""
        stored = await self._store.get(command.principal, session)
        last_admin = await self._store.is_last_admin(stored, session)
        match command:
            case PrincipalAdd():
                return add(stored, command, last_admin=last_admin)
            case PrincipalDisable():
                return disable(stored, command, last_admin=last_admin)


class Registration:
    """Registers the principals of the mounted list and announces all there are; a part of the process, at start.

    Announcing all, not only the new ones, heals a topic that was lost; consumers drop what they know.
    """

    def __init__(
        self,
        store: PrincipalStore,
        wanted: Sequence[PrincipalAdd],
        make_reply_topics: MakeReplyTopics,
        publish: Publish,
        clock: Clock,
    ) -> None:
        self._store = store
        self._wanted = wanted
        self._make_reply_topics = make_reply_topics
        self._publish = publish
        self._clock = clock

    async def start(self) -> None:
        """Return when each principal is stored, can be answered, and was announced; waits while a server is away."""
        while True:
            try:
                return await self._register()
            except Unavailable as error:
                log.warning("principals not announced, will be tried again", error=str(error), pause=RETRY_PAUSE)
                await self._clock.sleep(RETRY_PAUSE)

    async def _register(self) -> None:
        now = self._clock.now()
        for command in self._wanted:
            decision = add(None, command, last_admin=False)
            if isinstance(decision, Refusal):
                log.error("principal of the list refused", principal=command.principal, reason=decision.message)
            elif await self._store.insert_missing(decision.after, now):
                log.info("principal registered from the list", principal=command.principal, role=command.role)
        everyone = await self._store.all()
        await self._make_reply_topics([one.id for one in everyone])
        await self._publish([pending(one, now) for one in everyone])

    async def stop(self) -> None:
        """Nothing is held open."""
