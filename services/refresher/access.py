"""Whether a sender may have what it asks for: when the request comes, and again when who waited is answered."""

from dataclasses import dataclass

from grantkeeper.bus.received import PRINCIPAL_DISABLED, Principal, Received, ReplyTo
from schemas.token_requests import Request
from services.refresher.domain.names import is_renamed
from services.refresher.domain.record import Record, Servable, Waiter
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
    """Check that the config exists and that the sender may ask for it."""
    if record is None or record.purged:
        return missing(message, reference)
    return denied(received, message, record) or Asked(received, record, is_renamed(reference, record.name))


def missing(message: Request, reference: str) -> Refuse:
    """Refuse what is not here: not yet, where the sender knows of it."""
    if message.min_revision is not None:
        return Refuse("not_caught_up", "this token config has not arrived here yet", 0.2)
    return Refuse("not_found", f"there is no token config {reference!r}")


def denied(received: Received, message: Request, found: Record | Servable) -> Refuse | None:
    """Refuse where it is not the sender's to ask for, or not known in the revision the sender knows."""
    if not received.principal.may_get(found.config_id):
        return Refuse("not_permitted", f"{received.sender} may not ask for this token config: an admin can allow it")
    if message.min_revision is not None and found.revision < message.min_revision:
        return Refuse("not_caught_up", f"revision {message.min_revision} has not arrived here yet", 0.2)
    return None


def readmit(principal: Principal | None, asker: ReplyTo, config_id: str | None) -> Refuse | None:
    """Ask again for somebody who has waited: what was allowed at the question need not be any more.

    `principal` is the asker as the directory knows it now; `config_id` where an access token is to be handed out.
    """
    if principal is None or principal.disabled or principal.version != asker.version:
        return Refuse("principal_disabled", PRINCIPAL_DISABLED)
    if config_id is not None and not principal.may_get(config_id):
        return Refuse("not_permitted", f"{principal.id} may not ask for this token config: an admin can allow it")
    return None
