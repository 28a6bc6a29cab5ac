"""Topic `config.commands`: each command has one effect and one reply, however often it comes.

Effect and inbox row are one transaction; the row is looked up before the deadline, so that a sender whose command was
taken hears so even late. A refusal has a row too: whoever was told no is not surprised later. Reads, and edits that are
tried without storing, have no row: they are answered afresh. Only the copies that a sender makes, while it waits, of a
chunk whose import is tried get what the first one got: reading the chunk anew would hold up the next.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol, cast

from grantkeeper.bus.errors import Unavailable
from grantkeeper.bus.gate import Gate
from grantkeeper.bus.outbox import OutboxRelay
from grantkeeper.bus.received import Place, Received
from grantkeeper.bus.reply import Replier, failure
from grantkeeper.mongo.client import Database
from grantkeeper.mongo.inbox import AlreadyDone, IdReused, Inbox, digest
from grantkeeper.mongo.outbox import Pending
from grantkeeper.mongo.transaction import Conflict, Session, in_transaction
from grantkeeper.process.clock import Clock
from grantkeeper.process.failpoints import Failpoints
from grantkeeper.process.metrics import Metrics
from schemas.config_commands import ConfigImport, ConfigUpdate, PrincipalAdd, PrincipalDisable
from schemas.replies import Reply
from services.config_service import outcome, principal_store
from services.config_service.config_edits import ConfigEdits, Edit
from services.config_service.config_reads import READS, ConfigReads, Read
from services.config_service.domain.imports import Candidate
from services.config_service.domain.values import Author, Decision, Refusal
from services.config_service.importer import Importer
from services.config_service.plain_secret import CURE, sentence
from services.config_service.principal_store import PrincipalStore
from services.config_service.principals import PrincipalCommand, Principals
from services.config_service.store import ConfigStore

REPORTS_KEPT: Final = 8
"""Chunks of tried imports whose copies are known; these follow at once."""
TRIES: Final = 20
"""Runs of one command that others outran; more means that something else is wrong."""
PAUSE: Final = 0.002
"""Seconds longer after each of them."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """What a command may need."""

    database: Database
    inbox: Inbox
    configs: ConfigStore
    principals: PrincipalStore
    edits: ConfigEdits
    reads: ConfigReads
    importer: Importer
    registry: Principals


@dataclass(frozen=True, slots=True)
class Done:
    """A reply, and what is to be published before anyone may rely on it."""

    reply: Reply
    configs: tuple[Pending, ...] = ()
    principals: tuple[Pending, ...] = ()


class Run(Protocol):
    """Does one command inside a transaction."""

    async def __call__(self, received: Received, session: Session, /) -> Done:
        """Store the effect; return the reply and what is to be published."""
        ...


class ConfigCommands:
    """The handler of the topic."""

    def __init__(
        self,
        rooms: Rooms,
        gate: Gate[Received],
        replier: Replier,
        *,
        config_relay: OutboxRelay,
        principal_relay: OutboxRelay,
        clock: Clock,
        metrics: Metrics,
        failpoints: Failpoints,
    ) -> None:
        self._rooms = rooms
        self._gate = gate
        self._replier = replier
        self._config_relay = config_relay
        self._principal_relay = principal_relay
        self._clock = clock
        self._metrics = metrics
        self._failpoints = failpoints
        self._reports: dict[tuple[str, str, str], Reply] = {}

    async def handle(self, received: Received) -> None:
        """Take one command: do it once, publish, reply."""
        done = await self._answer(received)
        await self._failpoints.reach("config_service.stored")
        if done.configs:
            await self._config_relay.publish_now(done.configs)
        if done.principals:
            await self._principal_relay.publish_now(done.principals)
        await self._replier.many([(received, done.reply)])
        self._count(received, done.reply)

    async def _answer(self, received: Received) -> Done:
        message = received.message
        if isinstance(message, READS) or getattr(message, "dry_run", False):
            return Done(self._too_late(received) or await self._read(received))
        for attempt in range(TRIES):
            known = await self._known(received) or self._too_late(received)
            if known is not None:
                return Done(known)
            try:
                return await self._do(received)
            except (Conflict, AlreadyDone):
                await self._clock.sleep(attempt * PAUSE)
        raise Unavailable(f"MongoDB: others were faster {TRIES} times")

    async def _known(self, received: Received) -> Reply | None:
        """Return the reply of a command that was done before."""
        envelope = received.envelope
        try:
            row = await self._rooms.inbox.seen(received.sender, envelope.id, digest(envelope.value))
        except IdReused:
            return failure(
                "id_reused", "This id came before, with another value: send each command with an id of its own."
            )
        return None if row is None else Reply.read(row)

    def _too_late(self, received: Received) -> Reply | None:
        why = self._gate.untimely(received)
        return None if why is None else failure("deadline_exceeded", f"Not taken: {why}.")

    async def _read(self, received: Received) -> Reply:
        message, author = received.message, self._author(received)
        if isinstance(message, ConfigImport):
            return await self._try_import(message, received)
        if isinstance(message, ConfigUpdate):
            return outcome.answer(_placed(await self._rooms.edits.decide(message, author, None), received.place))
        result = await self._rooms.reads.answer(cast("Read", message), received.place)
        return outcome.refused(result) if isinstance(result, Refusal) else outcome.result(result)

    async def _try_import(self, command: ConfigImport, received: Received) -> Reply:
        key = (received.sender, received.envelope.id, digest(received.envelope.value))
        if key not in self._reports:
            candidates = await self._rooms.importer.read(command, received.place)
            report, _ = await self._rooms.importer.decide(command, candidates, self._author(received), None)
            while len(self._reports) >= REPORTS_KEPT:
                del self._reports[next(iter(self._reports))]
            self._reports[key] = outcome.result(report)
        return self._reports[key]

    async def _do(self, received: Received) -> Done:
        """Run one command: what stands outside the transaction first, then effect and inbox row together."""
        message = received.message
        run: Run = self._edit
        if isinstance(message, ConfigImport):
            run = partial(self._import, await self._rooms.importer.read(message, received.place))
        elif isinstance(message, PrincipalAdd | PrincipalDisable):
            await self._rooms.registry.prepare(message)
            run = self._principal
        return await in_transaction(self._rooms.database, partial(self._once, received, run))

    async def _once(self, received: Received, run: Run, session: Session) -> Done:
        done = await run(received, session)
        await self._rooms.inbox.record(
            session,
            received.sender,
            received.envelope.id,
            digest(received.envelope.value),
            done.reply.model_dump(mode="json"),
            self._clock.now(),
        )
        return done

    async def _edit(self, received: Received, session: Session) -> Done:
        command = cast("Edit", received.message)
        decision = await self._rooms.edits.decide(command, self._author(received), session)
        reply = outcome.answer(_placed(decision, received.place))
        if isinstance(decision, Refusal) or not decision.stores:
            return Done(reply)
        return Done(reply, configs=await self._rooms.configs.write([decision], session))

    async def _import(self, candidates: list[Candidate], received: Received, session: Session) -> Done:
        command = cast("ConfigImport", received.message)
        report, changes = await self._rooms.importer.decide(command, candidates, self._author(received), session)
        return Done(outcome.result(report), configs=await self._rooms.configs.write(changes, session))

    async def _principal(self, received: Received, session: Session) -> Done:
        command = cast("PrincipalCommand", received.message)
        decision = await self._rooms.registry.decide(command, session)
        reply = outcome.answer(decision)
        if isinstance(decision, Refusal) or not decision.stores:
            return Done(reply)
        now = self._clock.now()
        await self._rooms.principals.write(decision, now, session)
        return Done(reply, principals=(principal_store.pending(decision.after, now),))

    def _author(self, received: Received) -> Author:
        return Author(received.actor, received.sender, self._clock.now())

    def _count(self, received: Received, reply: Reply) -> None:
        outcome_word = "ok" if reply.error is None else reply.error.code
        self._metrics.count("config_commands", command=received.message.TYPE, outcome=outcome_word)


def _placed(decision: Decision, place: Place) -> Decision:
    """Tell a refusal for a plain secret where on the broker it lies."""
    if not isinstance(decision, Refusal) or decision.code != "plain_secret":
        return decision
    details = tuple(detail.model_copy(update={"cure": CURE}) for detail in decision.details)
    return replace(decision, message=sentence(place), details=details)
