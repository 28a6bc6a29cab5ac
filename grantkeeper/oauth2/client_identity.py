"""Whom a client secret is for: one client id at one host. Everything that seals or opens one agrees on it here."""

from grantkeeper.oauth2.discovery import endpoints, host
from schemas.token_config import TokenConfig


def token_host(config: TokenConfig) -> str | None:
    """Return `host[:port]` of the token endpoint that the config's flow uses; by discovery that of the issuer."""
    url = endpoints(config).renewing(config.auth_flow) or config.options.issuer
    return host(url) or None if url else None


def may_go_to(config: TokenConfig, url: str) -> bool:
    """Tell whether what is for the config's token host alone, its client secret or its grant, may go to an address.

    Where that host is the issuer's, its metadata may name others. An address in the config may not: whoever edits it
    could lead the secret anywhere.
    """
    bound = token_host(config)
    if bound is not None and host(url) == bound:
        return True
    options = config.options
    own = {request.url for request in config.requests.values()}
    own |= {options.revocation_endpoint, options.device_authorization_endpoint}
    return options.discovery and bound == host(options.issuer or "") and url not in own


def secret_binding(config: TokenConfig) -> dict[str, str]:
    """Return what a client secret is sealed for; a part that is not known yet is empty, and binds to nothing else."""
    return {"client_id": config.client_id or "", "host": token_host(config) or ""}
