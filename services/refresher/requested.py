"""What an admin or a mail module wants done about one grant: refresh now, revoke, report a rejected access token."""

from collections.abc import Callable
from datetime import datetime

from schemas.replies import Reply
from schemas.token_requests import TokenRefresh, TokenReportRejected, TokenRevoke
from services.refresher.access import Asked
from services.refresher.answers import Answers, refusal
from services.refresher.clients import Clients
from services.refresher.domain.record import Record, Wish, WishKind
from services.refresher.domain.serving import Decision, NeedsRefresh, Refuse, decide, decide_rejected
from services.refresher.domain.status import renewable
from services.refresher.store import GrantStore
from services.refresher.wishes import Wishes


class Requested:
    """Turns requests into wishes; None = the attempt loop answers."""

    def __init__(self, store: GrantStore, clients: Clients, wishes: Wishes, answers: Answers) -> None:
        self._store = store
        self._clients = clients
        self._wishes = wishes
        self._answers = answers

    async def refresh(self, asked: Asked, message: TokenRefresh) -> Reply | None:
        """Refresh now, whatever the schedule says; a paused client is probed by it."""
        return await self._wish(asked, "refresh", message.generation, _may_refresh(message.generation))

    async def revoke(self, asked: Asked, message: TokenRevoke) -> Reply | None:
        """End the grant."""
        return await self._wish(asked, "revoke", message.generation, _may_revoke(message.generation))

    async def report_rejected(self, asked: Asked, message: TokenReportRejected) -> Reply | None:
        """Force one refresh, unless a newer access token is there already."""
        now = self._store.time.now()
        decision = self._on_rejected(asked, message, asked.record, now)
        if decision is None:
            decision = decide(asked.record, 0, now, client_faulty=self._clients.is_faulty(asked.record.client))
        if not isinstance(decision, NeedsRefresh):
            return self._answers.decided(asked.record, decision, asked.received.reply_to, renamed=asked.renamed)

        def check(record: Record, now: datetime) -> Refuse | None:
            again = self._on_rejected(asked, message, record, now)
            return again if isinstance(again, Refuse) else None

        return await self._wish(asked, "report_rejected", message.generation, check)

    def _on_rejected(
        self, asked: Asked, message: TokenReportRejected, record: Record, now: datetime
    ) -> Decision | None:
        client = record.client
        return decide_rejected(
            record,
            message.generation,
            asked.waiter(),
            now,
            client_faulty=self._clients.is_faulty(client),
            held_until=self._clients.held_until(client),
        )

    async def _wish(
        self, asked: Asked, kind: WishKind, generation: int, check: Callable[[Record, datetime], Refuse | None]
    ) -> Reply | None:
        wish = Wish(
            id=f"{kind}:{generation}",
            kind=kind,
            actor=asked.received.actor,
            generation=generation,
            askers=(asked.waiter(),),
        )
        refused = await self._wishes.add(asked.record, wish, check)
        return None if refused is None else refusal(refused)


def _may_refresh(generation: int) -> Callable[[Record, datetime], Refuse | None]:
    def check(record: Record, _: datetime) -> Refuse | None:
        if record.grant.generation != generation:
            return _conflict(record)
        if record.deleted or record.config.validity == "invalid":
            return Refuse("off", "this token config is off: set it valid first")
        if renewable(record):
            return None
        if record.grant.state == "none":
            return Refuse("not_authorized", "nobody has logged in yet: request a new token")
        return Refuse("reauthorization_required", "refreshing has ended: request a new token (log in again)")

    return check


def _may_revoke(generation: int) -> Callable[[Record, datetime], Refuse | None]:
    def check(record: Record, _: datetime) -> Refuse | None:
        if record.grant.generation != generation:
            return _conflict(record)
        return Refuse("not_authorized", "there is no grant to revoke") if record.grant.state == "none" else None

    return check


def _conflict(record: Record) -> Refuse:
    text = f"the grant is at generation {record.grant.generation} meanwhile: look again, then repeat"
    return Refuse("generation_conflict", text)
