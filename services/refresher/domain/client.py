"""What names a client: issuer, else exact token URL, and client id. Records of one client share fault and slots."""

import hashlib
from dataclasses import dataclass

from grantkeeper.oauth2.client_identity import token_host
from grantkeeper.oauth2.discovery import endpoints
from schemas.token_config import TokenConfig
from services.refresher.domain.record import Origin


@dataclass(frozen=True, slots=True)
class ClientName:
    """A client as people know it, and the hash by which messages name it."""

    hash: str
    server: str
    """Issuer, else exact token URL."""
    client_id: str


def client_of(config: TokenConfig) -> ClientName:
    """Name the client of a config; one without addresses yet has a name of its own, that of nothing."""
    server = config.options.issuer or endpoints(config).renewing(config.auth_flow) or ""
    client_id = config.client_id or ""
    digest = hashlib.sha256(f"{server}\n{client_id}".encode()).hexdigest()
    return ClientName(digest[:32], server, client_id)


def origin_of(config: TokenConfig) -> Origin:
    """Say whom a grant made with this config belongs to."""
    return Origin(config.client_id or "", token_host(config) or "")
