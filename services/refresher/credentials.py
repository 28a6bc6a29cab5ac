"""Makes the credential of a registered principal, sealed to the admin who asked."""

from dataclasses import dataclass

from grantkeeper.bus.admission import Directory
from grantkeeper.bus.received import Received
from grantkeeper.bus.reply import failure, success
from grantkeeper.crypto.credentials import mint
from grantkeeper.crypto.errors import RingError
from grantkeeper.crypto.ring import AuthRing, VaultRing
from grantkeeper.process.logging import get_logger
from grantkeeper.process.settings import KafkaSettings
from grantkeeper_client import dump_credential, seal_for_principal
from schemas.replies import Reply
from schemas.token_requests import CredentialIssue, CredentialIssued

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Mints for principals that are registered and not disabled."""

    directory: Directory
    auth_ring: AuthRing
    vault_ring: VaultRing
    kafka: KafkaSettings

    def issue(self, received: Received, message: CredentialIssue) -> Reply:
        """Mint the credential of the principal's current version."""
        principal = self.directory.get(message.principal)
        if principal is None:
            return failure("not_found", f"no principal {message.principal!r} is registered here yet: add it first")
        if principal.disabled:
            return failure("principal_disabled", f"{message.principal} is disabled: add it again first")
        kafka = self.kafka
        to = received.reply_to
        try:
            credential = mint(
                self.auth_ring, self.vault_ring, principal.id, principal.version, kafka.bootstrap_servers, kafka.prefix
            )
            key = self.vault_ring.principal_sealing_key(to.principal, to.version, to.ring_id)
        except RingError as error:
            log.error("credential cannot be made", principal=principal.id, error=str(error))  # noqa: TRY400 - says it all
            return failure("secret_unreadable", f"the credential cannot be made: {error}")
        bound = {"principal": principal.id, "version": str(principal.version)}
        sealed = seal_for_principal(key, dump_credential(credential), bound=bound)
        issued = CredentialIssued(principal=principal.id, version=principal.version, credential=sealed)
        return success(issued.model_dump(mode="json"))
