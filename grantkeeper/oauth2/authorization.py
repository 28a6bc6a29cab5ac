"""The address that a person opens to log in (RFC 6749 section 4.1.1, RFC 7636).

Parameters are sorted by name and percent-encoded in UTF-8, so that the same login always gives the same text. A
secret never becomes part of it.
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from pydantic import SecretStr

from grantkeeper.oauth2.parameters import CLIENT_ID, REDIRECT_URL, SECRET_SOURCES, STATE, assemble, block
from schemas.token_config import TokenConfig

VERIFIER_BYTES: Final = 32
"""Randomness of a code verifier: 43 characters in base64url, the least and the recommended (RFC 7636 4.1)."""


def authorization_url(
    config: TokenConfig,
    *,
    endpoint: str,
    state: str,
    redirect_uri: str,
    code_verifier: SecretStr | None = None,
    login_hint: str | None = None,
) -> str:
    """Build the URL; a query that `endpoint` has already is kept, minus what this request sets itself.

    `code_verifier` adds an S256 challenge where the config uses PKCE. `login_hint` counts only where the config sets
    none.
    """
    request = block(config, "AuthorizationCode")
    public = {name: source for name, source in request.autofill.items() if source not in SECRET_SOURCES}
    given = {STATE: state, REDIRECT_URL: redirect_uri}
    parameters = assemble(config, request.model_copy(update={"autofill": public}), given)
    parameters = _required(config, public) | parameters | _own(public, given)
    parameters |= _challenge(config, code_verifier)
    if login_hint and "login_hint" not in parameters:
        parameters["login_hint"] = login_hint
    return _joined(endpoint, parameters)


def code_challenge(code_verifier: SecretStr) -> str:
    """S256 of RFC 7636 section 4.2."""
    digest = hashlib.sha256(code_verifier.get_secret_value().encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _required(config: TokenConfig, autofill: Mapping[str, str]) -> dict[str, str]:
    required = {"response_type": "code"}
    if config.client_id and CLIENT_ID not in autofill.values():
        required["client_id"] = config.client_id
    return required


def _own(autofill: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    # Whatever a config fixes, forgets or renames: without these two a login cannot be told from a forged one.
    own: dict[str, str] = {}
    for source, standard in ((STATE, "state"), (REDIRECT_URL, "redirect_uri")):
        names = [name for name, wanted in autofill.items() if wanted == source]
        own |= dict.fromkeys(names or [standard], given[source])
    return own


def _challenge(config: TokenConfig, code_verifier: SecretStr | None) -> dict[str, str]:
    if code_verifier is None or not config.options.pkce:
        return {}
    return {"code_challenge": code_challenge(code_verifier), "code_challenge_method": "S256"}


def _joined(endpoint: str, parameters: Mapping[str, str]) -> str:
    parts = urlsplit(endpoint)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in parameters]
    pairs = [*kept, *sorted(parameters.items())]
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))
