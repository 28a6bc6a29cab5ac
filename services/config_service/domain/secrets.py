"""A sealed client secret is for one client id and one host: elsewhere it is asked for again, never carried along.

config_service cannot open it; the binding stands readable in its header and is proved by the refresher on opening.
"""

from grantkeeper.oauth2.client_identity import secret_binding
from grantkeeper_client import SealError, sealed_binding
from schemas.findings import Finding
from schemas.token_config import TokenConfig

FIELD = "Config.ClientSecret"
TYPE_AGAIN = "Type the client secret again; it is then sealed for this client id and host."


def secret_finding(config: TokenConfig) -> Finding | None:
    """Return what is wrong with the client secret of a config; None = nothing, or there is none."""
    if config.client_secret is None:
        return None
    wanted = {"use": "client_secret", **secret_binding(config)}
    try:
        bound = sealed_binding(config.client_secret)
    except SealError:
        return _error("secret_unreadable", "The client secret is damaged: it is no sealed secret of Grantkeeper's.")
    if bound == wanted:
        return None
    differing = " and ".join(_WORDS[key] for key in _WORDS if bound.get(key) != wanted.get(key)) or "another purpose"
    return _error("secret_bound_elsewhere", f"The client secret was sealed for {differing}.")


_WORDS = {"use": "another use", "client_id": "another client id", "host": "another host of the token endpoint"}


def _error(code: str, message: str) -> Finding:
    return Finding(level="error", code=code, field=FIELD, message=message, cure=TYPE_AGAIN)
