"""What an edit means before it is saved: which fields differ, and whether the grant needs a new login.

RFC 6749 section 6 and 10.4: a refresh token belongs to one client at one authorization server, so another client id or
another host of the token endpoint ends it. Another scope does not: the grant keeps the scope it was given.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from grantkeeper.oauth2.client_identity import token_host
from schemas.config_results import NewLogin
from schemas.findings import Finding
from schemas.token_config import TokenConfig


def changed_paths(before: TokenConfig, after: TokenConfig) -> tuple[str, ...]:
    """Return the dotted paths of what differs, e.g. `options.issuer`, sorted."""
    old, new = dict(_leaves(before.model_dump())), dict(_leaves(after.model_dump()))
    return tuple(sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path)))


def new_login(before: TokenConfig, after: TokenConfig) -> NewLogin:
    """Tell what the grant of `before` is worth for `after`."""
    if after.mints:
        return "no"  # nobody logs in: the next access token is asked for as the new config says
    if before.auth_flow != after.auth_flow or _client(before) != _client(after):
        return "required"
    return "advised" if _scopes(before) != _scopes(after) else "no"


def other_mailbox(before: TokenConfig, after: TokenConfig) -> Finding | None:
    """Warn of another mailbox login: whose access token it will come with is the refresher's to know."""
    login = after.options.mailbox_login
    if after.mints or login is None or login == before.options.mailbox_login:
        return None
    message = f"Mail modules log in to the mailbox as {login} at once, with the access token of the connected account."
    cure = "Where that is another account, mail stops: log in to the provider as the new one right after saving."
    field = "Config.Grantkeeper.MailboxLogin"
    return Finding(level="warning", code="other_mailbox", field=field, message=message, cure=cure)


def _client(config: TokenConfig) -> tuple[str | None, str | None]:
    return config.client_id, token_host(config)


def _scopes(config: TokenConfig) -> frozenset[str]:
    return frozenset((config.scope or "").split())  # a set: RFC 6749 section 3.3 gives the order no meaning


def _leaves(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        here = f"{path}.{key}" if path else key
        if isinstance(item, Mapping):
            yield from _leaves(item, here)
        elif item is not None:
            yield here, item
