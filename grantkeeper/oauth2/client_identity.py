"""Whom a client secret is for: one client id at one host. Everything that seals or opens one agrees on it here."""

from grantkeeper.oauth2.discovery import endpoints, host
from schemas.token_config import TokenConfig


def token_host(config: TokenConfig) -> str | None:
    """Return `host[:port]` of the token endpoint that the config's flow uses; by discovery that of the issuer."""
    url = endpoints(config).renewing(config.auth_flow) or config.options.issuer
    return host(url) or None if url else None


def secret_binding(config: TokenConfig) -> dict[str, str]:
    """Return what a client secret is sealed for; a part that is not known yet is empty, and binds to nothing else."""
    return {"client_id": config.client_id or "", "host": token_host(config) or ""}
