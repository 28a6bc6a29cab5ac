"""Logins and started authorizations, both in signed cookies: nothing to lose in a restart, nothing to share.

A session ends after its hours, when the user is removed, or when the password changes. An authorization cookie is bound
to one state, so that two logins in two tabs do not disturb each other.
"""

from dataclasses import asdict, dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from grantkeeper.process.clock import Clock
from services.console.settings import ConsoleSettings
from services.console.signed import Signer
from services.console.users import User, Users

AUTHORIZATION_LIFETIME: Final = timedelta(minutes=10)
"""As long as the refresher keeps a started authorization."""

MOST_AUTHORIZATIONS: Final = 20
"""Logins that one browser may have begun at a time, about 700 bytes of cookie each."""
KNOWN_BROWSER_LIFETIME: Final = timedelta(days=180)
"""A person who has not come with a browser for that long counts with it as a stranger."""
DOWNLOAD_LIFETIME: Final = timedelta(minutes=10)
"""From the making of a credential to its one download."""
SAID_LIFETIME: Final = timedelta(seconds=20)
"""From a redirect to the page it leads to."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the next page says was done."""

    key: str
    """Of the catalogue, below `done.`."""
    undo: str = ""
    """The path that takes it back; empty = there is none."""


@dataclass(frozen=True, slots=True)
class StartedAuthorization:
    """What the browser that started a login must show again when the provider sends it back."""

    user: str
    config_id: str
    redirect_uri: str
    nonce: str = field(repr=False)


class Sessions:
    """Writes and reads the console's cookies."""

    def __init__(self, settings: ConsoleSettings, users: Users, clock: Clock) -> None:
        self._users = users
        self._clock = clock
        self._lifetime = timedelta(hours=settings.session_hours)
        self._secure = settings.secure
        # `__Host-` needs Secure, which browsers refuse over http; settings allow http on this machine alone.
        self._prefix = "__Host-grantkeeper" if settings.secure else "grantkeeper"
        self._logins = Signer(settings.session_key, "login")
        self._authorizations = Signer(settings.session_key, "authorization")
        self._browsers = Signer(settings.session_key, "browser")
        self._downloads = Signer(settings.session_key, "download")
        # Signed, so that no link can make the console say that something was done.
        self._sentences = Signer(settings.session_key, "said")

    def log_in(self, response: Response, user: User) -> None:
        """Remember in the browser who this is."""
        claims = {"sub": user.name, "fingerprint": user.fingerprint}
        signed = self._logins.sign(claims, self._clock.now(), self._lifetime)
        self._set(response, f"{self._prefix}-login", signed, self._lifetime)

    def log_out(self, response: Response) -> None:
        """Forget in this browser who this is."""
        self._set(response, f"{self._prefix}-login", "", timedelta())

    def user(self, request: Request) -> User | None:
        """Return who is logged in; the role is the users file's of this moment."""
        claims = self._logins.read(request.cookies.get(f"{self._prefix}-login"), self._clock.now())
        user = self._users.get(str(claims.get("sub"))) if claims else None
        return user if user and claims and claims.get("fingerprint") == user.fingerprint else None

    def remember_browser(self, response: Response, user: User, browser: str) -> None:
        """Mark a browser as one that this person has logged in with; logging out leaves the mark."""
        claims = {"sub": user.name, "jti": browser}
        signed = self._browsers.sign(claims, self._clock.now(), KNOWN_BROWSER_LIFETIME)
        self._set(response, f"{self._prefix}-browser", signed, KNOWN_BROWSER_LIFETIME)

    def known_browser(self, request: Request, name: str) -> str | None:
        """Return the mark of this browser if the person of this name logged in with it before."""
        claims = self._browsers.read(request.cookies.get(f"{self._prefix}-browser"), self._clock.now())
        return str(claims["jti"]) if claims and claims.get("sub") == name else None

    def allow_download(self, request: Request, response: Response, principal: str) -> None:
        """Let this person download the credential of one principal, once, with this browser."""
        claims = {"sub": request.state.user.name, "principal": principal}
        signed = self._downloads.sign(claims, self._clock.now(), DOWNLOAD_LIFETIME)
        self._set(response, f"{self._prefix}-download", signed, DOWNLOAD_LIFETIME)

    def may_download(self, request: Request, principal: str) -> bool:
        """Whether the credential of a principal is still to be downloaded by this person with this browser."""
        claims = self._downloads.read(request.cookies.get(f"{self._prefix}-download"), self._clock.now())
        wanted = {"sub": request.state.user.name, "principal": principal}
        return claims is not None and all(claims.get(name) == value for name, value in wanted.items())

    def downloaded(self, response: Response) -> None:
        """Take the permission away."""
        self._set(response, f"{self._prefix}-download", "", timedelta())

    def say(self, response: Response, said: Said) -> None:
        """Leave one sentence for the next page."""
        signed = self._sentences.sign(asdict(said), self._clock.now(), SAID_LIFETIME)
        self._set(response, f"{self._prefix}-said", signed, SAID_LIFETIME)

    def said(self, request: Request) -> Said | None:
        """Return the sentence that was left for this page."""
        claims = self._sentences.read(request.cookies.get(f"{self._prefix}-said"), self._clock.now())
        return Said(str(claims["key"]), str(claims["undo"])) if claims else None

    def forget_said(self, response: Response) -> None:
        """Show a sentence once."""
        self._set(response, f"{self._prefix}-said", "", timedelta())

    def start_authorization(
        self, request: Request, response: Response, state: str, started: StartedAuthorization
    ) -> None:
        """Bind a started authorization to this browser and this user; the oldest of too many is forgotten."""
        for name in self._oldest_authorizations(request):
            self._set(response, name, "", timedelta())
        signed = self._authorizations.sign(asdict(started), self._clock.now(), AUTHORIZATION_LIFETIME)
        self._set(response, self._authorization_name(state), signed, AUTHORIZATION_LIFETIME)

    def started_authorization(self, request: Request, state: str) -> StartedAuthorization | None:
        """Return what this browser started for this state, if it did."""
        cookie = request.cookies.get(self._authorization_name(state))
        claims = self._authorizations.read(cookie, self._clock.now())
        if claims is None:
            return None
        return StartedAuthorization(**{name: str(claims[name]) for name in StartedAuthorization.__dataclass_fields__})

    def _oldest_authorizations(self, request: Request) -> list[str]:
        """Name the cookies to drop before one more: a server refuses requests whose cookies grow past some 64 KiB."""
        issued = {}
        for name, cookie in request.cookies.items():
            if name.startswith(f"{self._prefix}-authorization-"):
                claims = self._authorizations.read(cookie, self._clock.now())
                issued[name] = int(claims["iat"]) if claims else 0
        return sorted(issued, key=issued.__getitem__)[: max(0, len(issued) - MOST_AUTHORIZATIONS + 1)]

    def _authorization_name(self, state: str) -> str:
        return f"{self._prefix}-authorization-{sha256(state.encode()).hexdigest()[:16]}"

    def _set(self, response: Response, name: str, value: str, lifetime: timedelta) -> None:
        # Lax, not strict: a link in a notification and the provider's redirect must find the login.
        response.set_cookie(
            name,
            value,
            max_age=int(lifetime.total_seconds()),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )
