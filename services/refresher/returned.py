"""Opens what came back on the redirect URI: by the browser in parts, or as a pasted address; none of it is trusted."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from grantkeeper.bus.reply import failure
from grantkeeper.oauth2.redirect import MalformedRedirect, RedirectAnswer, read_redirect
from grantkeeper_client import SealError, open_for_installation
from schemas.replies import Reply
from schemas.token_requests import AuthorizationComplete
from services.refresher.domain.record import Record


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back on the redirect URI, opened."""

    state: str
    answer: RedirectAnswer
    nonce: str | None
    pasted: bool


@dataclass(frozen=True, slots=True)
class Opener:
    """Holds the installation's private keys."""

    private_jwks: Mapping[str, Mapping[str, Any]]

    def open(self, record: Record, message: AuthorizationComplete) -> Returned | Reply:
        try:
            if message.redirect_url is not None:
                return self._pasted(record, message.redirect_url)
            return self._by_browser(message)
        except SealError as error:
            return failure("secret_unreadable", f"what came back does not open: {error.detail}")
        except MalformedRedirect as error:
            return failure("invalid_field", str(error))

    def _pasted(self, record: Record, sealed: str) -> Returned | Reply:
        bound = {"config_id": record.config_id}
        address = open_for_installation(self.private_jwks, sealed, use="redirect_url", bound=bound)
        answer = read_redirect(address, record.config)
        if answer.state is None:
            return failure("state_unknown", "the pasted address has no state: copy the whole address and try again")
        return Returned(answer.state, answer, None, pasted=True)

    def _by_browser(self, message: AuthorizationComplete) -> Returned:
        state = message.state or ""
        code = None
        if message.code is not None:
            bound = {"state_hash": hashed(state)}
            code = SecretStr(
                open_for_installation(self.private_jwks, message.code, use="authorization_code", bound=bound)
            )
        answer = RedirectAnswer(state, code, message.iss, message.error, message.error_description)
        return Returned(state, answer, message.nonce, pasted=False)


def hashed(text: str) -> str:
    """SHA-256 in lower-case hex."""
    return hashlib.sha256(text.encode()).hexdigest()
