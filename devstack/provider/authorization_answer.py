"""The answer of the authorization endpoint: a code or an error in the redirect URI, spoiled where a fault says so."""

from collections.abc import Mapping
from dataclasses import dataclass

from devstack.provider.authorization_request import AuthorizationRequest, ForRedirect, with_answer
from devstack.provider.faults import FaultPlan
from devstack.provider.provider import Provider
from devstack.provider.records import Code, digest
from devstack.provider.settings import Flavour, Iss, Offline
from devstack.provider.token_text import code_text

# Seconds a dead code is known, so that a second use is seen as one.
REPLAY_WINDOW = 600.0


@dataclass(frozen=True, slots=True)
class Asker:
    """Whom to answer."""

    realm: str
    client_id: str
    redirect_uri: str
    state: str | None


class AuthorizationAnswers:
    def __init__(self, provider: Provider, plan: FaultPlan) -> None:
        self._provider = provider
        self._plan = plan

    def code(
        self, realm: str, request: AuthorizationRequest, login: str, scope: tuple[str, ...], *, consent_shown: bool
    ) -> str:
        """Where to send the browser with a new code for what `login` allowed."""
        text = self._new_code(realm, request, login, scope, consent_shown=consent_shown)
        answer = {"code": text}
        if self._provider.realms[realm].flavour is Flavour.GOOGLE:
            answer |= {"scope": " ".join(scope), "authuser": "0", "prompt": "consent" if consent_shown else "none"}
        return self._target(Asker(realm, request.client_id, request.redirect_uri, request.state), answer)

    def error(self, asker: Asker, error: ForRedirect) -> str:
        """Where to send the browser with an error."""
        return self._target(asker, {"error": error.error, "error_description": error.description})

    def _target(self, asker: Asker, answer: Mapping[str, str]) -> str:
        absent = self._provider.realms[asker.realm].iss is Iss.ABSENT
        about = {"state": asker.state, "iss": None if absent else self._provider.issuer(asker.realm)}
        order = self._plan.take("authorize", asker.realm, asker.client_id, None)
        if order is None:
            return with_answer(asker.redirect_uri, {**answer, **about})
        return with_answer(asker.redirect_uri, order.fault.redirect({**answer, **about}, self._provider.clock()))

    def _new_code(
        self, realm: str, request: AuthorizationRequest, login: str, scope: tuple[str, ...], *, consent_shown: bool
    ) -> str:
        settings, now = self._provider.realms[realm], self._provider.clock()
        text = code_text(settings.flavour)
        by_scope = settings.offline is Offline.SCOPE
        self._provider.store.put(
            Code(
                id=digest(text),
                realm=realm,
                client_id=request.client_id,
                redirect_uri=request.redirect_uri,
                login=login,
                scope=scope,
                challenge=request.challenge,
                nonce=request.nonce,
                # Google gives a refresh token only together with a consent page.
                offline="offline_access" in scope if by_scope else request.wants_offline and consent_shown,
                expires_at=now + settings.code_life,
                forget_at=now + settings.code_life + REPLAY_WINDOW,
            )
        )
        self._provider.store.flush()
        return text
