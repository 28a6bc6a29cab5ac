"""A sealed client secret is for one client id and one host: elsewhere it is asked for again, never carried along.

config_service cannot open it; binding and key id stand readable in its header and are proved by the refresher on
opening. A key id is a ring's id, and both rings of an installation have the same ones.
"""

from collections.abc import Collection

from grantkeeper.oauth2.client_identity import secret_binding
from grantkeeper_client import SealError, sealed_binding, sealed_key_id
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


def foreign_secret(config: TokenConfig, rings: Collection[str]) -> Finding | None:
    """Return a warning where the client secret is sealed to a key of another installation; None = ours, or none."""
    if config.client_secret is None or sealed_key_id(config.client_secret) in rings:
        return None
    message = (
        "The client secret was sealed for another installation: it does not open here, nothing is refreshed by it."
    )
    return Finding(
        level="warning", code="secret_of_another_installation", field=FIELD, message=message, cure=TYPE_AGAIN
    )


_WORDS = {"use": "another use", "client_id": "another client id", "host": "another host of the token endpoint"}


def _error(code: str, message: str) -> Finding:
    return Finding(level="error", code=code, field=FIELD, message=message, cure=TYPE_AGAIN)
