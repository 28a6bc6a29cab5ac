"""Finds the record that a request means, or says why the sender may not have it."""

from dataclasses import dataclass

from grantkeeper.bus.received import Principal, Received
from schemas.token_requests import Request
from services.refresher.domain.names import is_renamed
from services.refresher.domain.record import Record, Waiter
from services.refresher.domain.serving import Refuse
from services.refresher.wishes import waiter_id


@dataclass(frozen=True, slots=True)
class Asked:
    """One request with the record it is about."""

    received: Received
    record: Record
    renamed: bool

    def waiter(self, min_validity: int = 0) -> Waiter:
        """Make who asks wait for the end of an attempt."""
        received = self.received
        return Waiter(
            id=waiter_id(received.sender, received.envelope.id),
            reply_to=received.reply_to.to_dict(),
            min_validity=min_validity,
            deadline=received.envelope.expirytime,
            renamed=self.renamed,
        )


def admit(received: Received, message: Request, reference: str, record: Record | None) -> Asked | Refuse:
    """Check that the config exists, is the sender's to ask for, and is known in the revision the sender knows."""
    if record is None or record.purged:
        if message.min_revision is not None:
            return Refuse("not_caught_up", "this token config has not arrived here yet", 0.2)
        return Refuse("not_found", f"there is no token config {reference!r}")
    if not _may_ask(received.principal, record):
        return Refuse("not_permitted", f"{received.sender} may not ask for this token config: an admin can allow it")
    if message.min_revision is not None and record.revision < message.min_revision:
        return Refuse("not_caught_up", f"revision {message.min_revision} has not arrived here yet", 0.2)
    return Asked(received, record, is_renamed(reference, record.config.name))


def _may_ask(principal: Principal, record: Record) -> bool:
    return principal.may_get(record.config_id)
