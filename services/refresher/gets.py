"""Requests for access tokens, a batch at a time: hits are answered from one find, misses wait for an attempt.

A hit is decided on the few fields that are needed to hand the token out; whole records are read for misses alone.
Nothing waits in the consumer: who needs a refresh is written into the record as a waiter, and the batch is committed;
whoever ends the attempt answers. A second find catches attempts that ended between the first find and the write.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime

from grantkeeper.bus.received import Received, ReplyTo
from grantkeeper.bus.reply import Replier
from grantkeeper.process.metrics import Metrics
from schemas.replies import Reply
from schemas.token_requests import TokenGet
from services.refresher.access import Asked, admit, denied, missing
from services.refresher.answers import Answers, refusal
from services.refresher.clients import Clients
from services.refresher.domain.names import is_renamed
from services.refresher.domain.record import Record, Servable, Waiter
from services.refresher.domain.serving import (
    NeedsRefresh,
    Refuse,
    Serve,
    decide,
    decide_at_once,
    retry_later,
    too_late,
)
from services.refresher.engine import EngineSwitch
from services.refresher.store import GrantStore
from services.refresher.usage import Usage

Asking = tuple[Received, TokenGet]
Waiting = list[tuple[Asked, Waiter]]


class Gets:
    """Answers `token.get`."""

    def __init__(
        self,
        store: GrantStore,
        clients: Clients,
        engine: EngineSwitch,
        answers: Answers,
        replier: Replier,
        usage: Usage,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._clients = clients
        self._engine = engine
        self._answers = answers
        self._replier = replier
        self._usage = usage
        self._metrics = metrics

    async def answer(self, batch: Sequence[Asking]) -> bool:
        """Answer or note down every request of a batch; tells whether something was made due."""
        found = await self._store.look_up(message.config for _, message in batch)
        ready: list[tuple[ReplyTo, Reply]] = []
        missed: list[Asking] = []
        now = self._store.time.now()
        for received, message in batch:
            reply = self._at_once(received, message, found.get(message.config), now)
            if reply is None:
                missed.append((received, message))
            else:
                ready.append((received.reply_to, reply))
        await self._reply(ready)
        return bool(missed) and await self._wait(missed)

    def _at_once(self, received: Received, message: TokenGet, found: Servable | None, now: datetime) -> Reply | None:
        """Answer by what is stored; None = it takes a look at the whole record, or an attempt."""
        if found is None or found.purged:
            return refusal(missing(message, message.config))
        decision = denied(received, message, found) or decide_at_once(found, message.min_validity, now)
        if decision is None:
            return None
        if isinstance(decision, Serve):
            self._usage.note(found.config_id, received.sender, now)
        return self._answers.at_once(found, decision, received.reply_to, renamed=is_renamed(message.config, found.name))

    async def _wait(self, missed: Sequence[Asking]) -> bool:
        """Let an attempt answer, where one will be made; tells whether something was made due."""
        records = await self._store.resolve(message.config for _, message in missed)
        ready: list[tuple[ReplyTo, Reply]] = []
        waiting: Waiting = []
        for received, message in missed:
            self._sort(received, message, records.get(message.config), ready, waiting)
        await self._reply(ready)
        if not waiting:
            return False
        await self._store.append_waiters(_by_record(waiting))
        await self._reply(await self._answered_meanwhile(waiting))
        return True

    def _sort(
        self,
        received: Received,
        message: TokenGet,
        record: Record | None,
        ready: list[tuple[ReplyTo, Reply]],
        waiting: Waiting,
    ) -> None:
        asked = admit(received, message, message.config, record)
        if isinstance(asked, Refuse):
            ready.append((received.reply_to, refusal(asked)))
            return
        waiter = asked.waiter(message.min_validity)
        reply = self._decided(asked, asked.record, waiter)
        if reply is None:
            waiting.append((asked, waiter))
        else:
            ready.append((received.reply_to, reply))

    def _decided(self, asked: Asked, record: Record, waiter: Waiter) -> Reply | None:
        """Decide by the state of a record; None = wait for an attempt."""
        now = self._store.time.now()
        faulty = self._clients.is_faulty(record.client)
        decision = decide(record, waiter.min_validity, now, client_faulty=faulty)
        if isinstance(decision, NeedsRefresh):
            held_until = self._clients.held_until(record.client)
            refused = self._engine.refusal() or too_late(record, waiter, now, held_until)
            return None if refused is None else refusal(refused)
        if isinstance(decision, Serve):
            self._usage.note(record.config_id, asked.received.sender, now)
        return self._answers.decided(record, decision, asked.received.reply_to, renamed=asked.renamed)

    async def _answered_meanwhile(self, waiting: Waiting) -> list[tuple[ReplyTo, Reply]]:
        """Answer who was not taken in as a waiter: the attempt had ended, the record was gone, or it was full."""
        records = await self._store.read_many({asked.record.config_id for asked, _ in waiting})
        answers = []
        for asked, waiter in waiting:
            record = records.get(asked.record.config_id)
            reply = self._later(asked, record, waiter)
            if reply is not None:
                answers.append((asked.received.reply_to, reply))
        return answers

    def _later(self, asked: Asked, record: Record | None, waiter: Waiter) -> Reply | None:
        if record is None:
            return refusal(Refuse("not_found", "the token config was removed meanwhile"))
        reply = self._decided(asked, record, waiter)
        if reply is not None or any(other.id == waiter.id for other in record.waiters):
            return reply
        # Full, or overtaken by an attempt that may have answered it: the first reply counts.
        return refusal(retry_later(record, self._store.time.now()))

    async def _reply(self, ready: Sequence[tuple[ReplyTo, Reply]]) -> None:
        if not ready:
            return
        await self._replier.many(ready)
        outcomes = Counter("served" if reply.error is None else reply.error.code for _, reply in ready)
        for outcome, number in outcomes.items():
            self._metrics.count("get_answers", number, outcome=outcome)


def _by_record(waiting: Waiting) -> dict[str, tuple[int, list[Waiter]]]:
    waiters: dict[str, list[Waiter]] = defaultdict(list)
    generations: dict[str, int] = {}
    for asked, waiter in waiting:
        waiters[asked.record.config_id].append(waiter)
        generations[asked.record.config_id] = asked.record.grant.generation
    return {config_id: (generations[config_id], who) for config_id, who in waiters.items()}
