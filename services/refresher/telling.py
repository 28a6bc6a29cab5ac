"""Answers everybody who waited for an attempt, from the document that its ending returned."""

from collections.abc import Sequence

from grantkeeper.bus.errors import Unavailable
from grantkeeper.bus.received import ReplyTo
from grantkeeper.bus.reply import Replier
from grantkeeper.process.logging import get_logger
from grantkeeper.process.metrics import Metrics
from schemas.replies import Reply
from services.refresher.answers import Answer, Answers, refusal, status_reply
from services.refresher.clients import Clients
from services.refresher.domain.record import Record, Waiter, Wish
from services.refresher.domain.serving import Refuse, Serve, after_attempt, retry_later
from services.refresher.store import GrantStore, Written
from services.refresher.usage import Usage

log = get_logger(__name__)


class Telling:
    """Sends the answers of attempts."""

    def __init__(
        self,
        answers: Answers,
        replier: Replier,
        clients: Clients,
        store: GrantStore,
        usage: Usage,
        metrics: Metrics,
    ) -> None:
        self._answers = answers
        self._replier = replier
        self._clients = clients
        self._store = store
        self._usage = usage
        self._metrics = metrics

    async def ended(self, written: Written, *, failed: bool = False) -> None:
        """Answer the waiters and the forced wishes that this write took away."""
        record, before = written.record, written.before
        answers = [self._waiter(record, waiter) for waiter in before.waiters]
        left = {wish.id for wish in record.wishes}
        for wish in before.wishes:
            if wish.id not in left and wish.kind in {"refresh", "report_rejected"}:
                answers += self._forced(record, wish, failed=failed)
        await self.send(answers)

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
        """Give several askers the same answer."""
        await self.send([(ReplyTo.from_dict(asker.reply_to), reply) for asker in askers])

    def _waiter(self, record: Record, waiter: Waiter) -> Answer:
        faulty = self._clients.is_faulty(record.client)
        decision = after_attempt(record, waiter, self._store.time.now(), client_faulty=faulty)
        return self._answer(record, decision, waiter)

    def _answer(self, record: Record, decision: Serve | Refuse, waiter: Waiter) -> Answer:
        to, reply = self._answers.waiting(record, decision, waiter)
        if isinstance(decision, Serve):
            self._usage.note(record.config_id, to.principal, self._store.time.now())
        return to, reply

    def _forced(self, record: Record, wish: Wish, *, failed: bool) -> list[Answer]:
        if wish.kind == "report_rejected":
            return [self._answer(record, self._newer(record, wish, asker), asker) for asker in wish.askers]
        if not failed:
            return [_status(record, asker) for asker in wish.askers]
        return [(ReplyTo.from_dict(asker.reply_to), refusal(self._why(record, asker))) for asker in wish.askers]

    def _newer(self, record: Record, wish: Wish, asker: Waiter) -> Serve | Refuse:
        """Hand out a newer access token than the rejected one, or say why there is none."""
        if record.grant.generation > (wish.generation or 0):
            return after_attempt(record, asker, self._store.time.now())
        return self._why(record, asker)

    def _why(self, record: Record, asker: Waiter) -> Refuse:
        decision = after_attempt(record, asker, self._store.time.now())
        if isinstance(decision, Refuse):
            return decision
        later = retry_later(record, self._store.time.now())
        return Refuse("refresh_failed", later.message, later.retry_after)


def _status(record: Record, asker: Waiter) -> Answer:
    return ReplyTo.from_dict(asker.reply_to), status_reply(record, renamed=asker.renamed)
