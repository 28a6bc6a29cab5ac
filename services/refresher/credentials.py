"""Makes the credential of a registered principal, sealed to the admin who asked."""

from dataclasses import dataclass

from grantkeeper.bus.principals import PrincipalDirectory
from grantkeeper.bus.received import Received
from grantkeeper.bus.reply import failure, success
from grantkeeper.crypto.credentials import mint
from grantkeeper.crypto.ring import AuthRing, VaultRing
from grantkeeper.process.settings import KafkaSettings
from grantkeeper_client import dump_credential, seal_for_principal
from schemas.replies import Reply
from schemas.token_requests import CredentialIssue, CredentialIssued


@dataclass(frozen=True, slots=True)
class Credentials:
    """Mints for principals that are registered and not disabled."""

    directory: PrincipalDirectory
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
        credential = mint(
            self.auth_ring, self.vault_ring, principal.id, principal.version, kafka.bootstrap_servers, kafka.prefix
        )
        to = received.reply_to
        key = self.vault_ring.principal_sealing_key(to.principal, to.version, to.ring_id)
        bound = {"principal": principal.id, "version": str(principal.version)}
        sealed = seal_for_principal(key, dump_credential(credential), bound=bound)
        issued = CredentialIssued(principal=principal.id, version=principal.version, credential=sealed)
        return success(issued.model_dump(mode="json"))
