"""Answers everybody who waited for an attempt, from the document that its ending returned.

Waiting takes time: who asked may be gone, or may not have the access token any more. Both are looked at again.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from grantkeeper.bus.errors import Unavailable
from grantkeeper.bus.received import Principal, ReplyTo
from grantkeeper.bus.reply import Replier
from grantkeeper.process.logging import get_logger
from grantkeeper.process.metrics import Metrics
from schemas.replies import Reply
from services.refresher.access import readmit
from services.refresher.answers import Answer, Answers, refusal, status_reply
from services.refresher.clients import Clients
from services.refresher.domain.record import FORCED, Record, Waiter, Wish
from services.refresher.domain.serving import Refuse, Serve, after_attempt, why_failed
from services.refresher.store import GrantStore, Written
from services.refresher.usage import Usage

log = get_logger(__name__)


class Directory(Protocol):
    """Who is registered now (grantkeeper.bus.principals)."""

    def get(self, principal: str) -> Principal | None: ...


class Telling:
    """Sends the answers of attempts."""

    def __init__(
        self,
        answers: Answers,
        replier: Replier,
        directory: Directory,
        clients: Clients,
        store: GrantStore,
        usage: Usage,
        metrics: Metrics,
    ) -> None:
        self._answers = answers
        self._replier = replier
        self._directory = directory
        self._clients = clients
        self._store = store
        self._usage = usage
        self._metrics = metrics

    async def ended(self, written: Written, *, failed: bool = False) -> None:
        """Answer the waiters and the forced wishes that this write took away."""
        record, before = written.record, written.before
        answers = [self._decided(record, self._after(record, asker), asker) for asker in self._there(before.waiters)]
        left = {wish.id for wish in record.wishes}
        for wish in before.wishes:
            if wish.id not in left and wish.kind in FORCED:
                answers += [self._forced(record, wish, asker, failed=failed) for asker in self._there(wish.askers)]
        await self.send(answers)

    async def halted(self, written: Written, refused: Refuse) -> None:
        """Answer everybody who waited for what is not done now; a living access token is handed out all the same."""
        record, before = written.record, written.before
        after = ((asker, self._after(record, asker)) for asker in self._there(before.waiters))
        answers = [self._decided(record, now if isinstance(now, Serve) else refused, asker) for asker, now in after]
        await self.send(answers)
        for wish in before.wishes:
            await self.tell(wish.askers, refusal(refused))

    async def send(self, answers: Sequence[Answer]) -> None:
        """Send; what Kafka does not take now is asked again by the askers' libraries."""
        if not answers:
            return
        try:
            await self._replier.many(answers)
        except Unavailable as error:
            log.warning("replies lost, they will be asked again", replies=len(answers), error=str(error))
            return
        for _, reply in answers:
            self._metrics.count("refresh_waiters_answered", outcome="ok" if reply.error is None else reply.error.code)

    async def tell(self, askers: Sequence[Waiter], reply: Reply) -> None:
        """Give several askers the same answer; it holds no access token."""
        await self.send([self._readmitted(asker, None, lambda _: reply) for asker in self._there(askers)])

    def _there(self, askers: Sequence[Waiter]) -> Iterator[Waiter]:
        """Leave out who has stopped listening."""
        now = self._store.time.now()
        for asker in askers:
            if asker.is_gone(now):
                self._metrics.count("refresh_waiters_answered", outcome="gone")
            else:
                yield asker

    def _readmitted(self, asker: Waiter, config_id: str | None, reply: Callable[[ReplyTo], Reply]) -> Answer:
        to = ReplyTo.from_dict(asker.reply_to)
        refused = readmit(self._directory.get(to.principal), to, config_id)
        return to, reply(to) if refused is None else refusal(refused)

    def _decided(self, record: Record, decision: Serve | Refuse, asker: Waiter) -> Answer:
        def reply(to: ReplyTo) -> Reply:
            if isinstance(decision, Serve):
                self._usage.note(record.config_id, to.principal, self._store.time.now())
            return self._answers.decided(record, decision, to, renamed=asker.renamed)

        return self._readmitted(asker, record.config_id, reply)

    def _forced(self, record: Record, wish: Wish, asker: Waiter, *, failed: bool) -> Answer:
        """Say what became of a forced refresh; a newer generation than the meant one is what was wanted."""
        renewed = record.grant.generation > (wish.generation or 0)
        if wish.kind == "report_rejected":
            return self._decided(record, self._after(record, asker) if renewed else self._why(record, asker), asker)
        if failed and not renewed:
            return self._decided(record, self._why(record, asker), asker)
        return self._readmitted(asker, None, lambda _: status_reply(record, renamed=asker.renamed))

    def _after(self, record: Record, asker: Waiter) -> Serve | Refuse:
        faulty = self._clients.is_faulty(record.client)
        return after_attempt(record, asker, self._store.time.now(), client_faulty=faulty)

    def _why(self, record: Record, asker: Waiter) -> Refuse:
        decision = self._after(record, asker)
        if isinstance(decision, Refuse):
            return decision
        return why_failed(record, self._store.time.now(), client_faulty=self._clients.is_faulty(record.client))
