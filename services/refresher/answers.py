"""What askers are told: decisions and records as replies, access tokens sealed to who asks."""

from dataclasses import dataclass

from grantkeeper.bus.received import ReplyTo
from grantkeeper.bus.reply import failure, success
from grantkeeper.crypto.errors import DecryptionError, RingError
from grantkeeper.crypto.ring import VaultRing
from grantkeeper.process.logging import get_logger
from grantkeeper_client import format_time, seal_for_principal
from schemas.replies import Reply
from schemas.token_requests import TokenStatusView
from services.refresher.announce import status_of
from services.refresher.domain.record import Record, Servable
from services.refresher.domain.serving import Refuse, Serve
from services.refresher.domain.status import history
from services.refresher.secrets_at_rest import Secrets

log = get_logger(__name__)

Answer = tuple[ReplyTo, Reply]


@dataclass(frozen=True, slots=True)
class Answers:
    """Makes replies; holds the keys that seal for principals."""

    vault_ring: VaultRing
    secrets: Secrets

    def access_token(self, found: Servable, to: ReplyTo, *, renamed: bool) -> Reply:
        """Hand out the stored access token, bound to this very question."""
        if found.access_token is None or found.expires_at is None:
            raise LookupError(f"{found.config_id} has no access token to hand out")
        expires_at = format_time(found.expires_at)
        bound = {
            "config_id": found.config_id,
            "generation": str(found.generation),
            "expires_at": expires_at,
            "correlation_id": to.correlation_id,
        }
        key = self.vault_ring.principal_sealing_key(to.principal, to.version, to.ring_id)
        token = self.secrets.access_token(found.config_id, found.access_token)
        # AccessTokenView, written out: to make one and take it apart is a third of this answer's price.
        result = {
            "config_id": found.config_id,
            "name": found.name,
            "renamed": renamed,
            "revision": found.revision,
            "generation": found.generation,
            "access_token": seal_for_principal(key, token.get_secret_value(), bound=bound),
            "expires_at": expires_at,
            "mechanism": found.mechanism,
            "servers": found.servers,
        }
        user = found.mailbox_login or found.account
        return success(result if user is None else {**result, "user": user})

    def decided(self, record: Record, decision: Serve | Refuse, to: ReplyTo, *, renamed: bool) -> Reply:
        """Carry out a decision on a record."""
        return self.at_once(Servable.of(record), decision, to, renamed=renamed)

    def at_once(self, found: Servable, decision: Serve | Refuse, to: ReplyTo, *, renamed: bool) -> Reply:
        """Carry out a decision on a `get`."""
        if not isinstance(decision, Serve):
            return refusal(decision)
        try:
            return self.access_token(found, to, renamed=renamed)
        except (DecryptionError, RingError) as error:
            log.error("access token cannot be handed out", config_id=found.config_id, error=str(error))  # noqa: TRY400 - says it all
            return failure("secret_unreadable", f"the access token cannot be opened or sealed: {error}")


def refusal(decision: Refuse) -> Reply:
    """Make the reply of a refusal."""
    return failure(decision.code, decision.message, retry_after=decision.retry_after)


def status_reply(record: Record, *, renamed: bool = False, client_faulty: bool = False) -> Reply:
    """Make the reply that carries a token's public state and its history."""
    status = status_of(record, client_faulty=client_faulty).model_copy(update={"attempts": history(record)})
    view = TokenStatusView(status=status, renamed=renamed)
    return success(view.model_dump(mode="json", exclude_none=True))
