"""What every request and answer must keep, whatever page it is for: size, host, same origin, login, role, headers.

Deny by default: a path is public only if it is listed here, and a viewer may send nothing but what is listed here. What
a viewer's pages may ask of the bus is kept once more where it is asked (asking.py).
"""

import re
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.console.settings import ConsoleSettings

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
PUBLIC_PATHS: Final = frozenset({"/login", "/healthz", "/readyz", "/notifications.json"})
PUBLIC_FOLDERS: Final = ("/static/", "/oauth2/callback/")
PROBE_PATHS: Final = frozenset({"/healthz", "/readyz"})
"""Asked by address, not by name."""

VIEWER_MAY_SEND: Final = frozenset({"/logout", "/preferences"})

ADMIN_PAGES: Final = re.compile(
    r"/tokens/(new|next-login)|/tokens/[^/]+/(?!history$).+|/mail-modules/(new|[^/]+/.+)|/transfer(/.*)?|/system/.+"
)
"""Pages that only begin something: a viewer is told so there, not after filling in a form."""

# No 'unsafe-*': pages carry no inline script or style. `data:` images are the icons inside Tabler's CSS.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: that would make browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Frame-Options": "DENY",
}


def is_public(path: str) -> bool:
    """Whether a path may be asked for without a login."""
    return path in PUBLIC_PATHS or path.startswith(PUBLIC_FOLDERS)


def right_host(path: str, host: str, settings: ConsoleSettings) -> bool:
    """Whether a request names the console by its public address; another name may be a rebound one of an attacker."""
    return host.lower() == settings.public_url_host or path in PROBE_PATHS


def same_origin(method: str, headers: Mapping[str, str], origin: str) -> bool:
    """Whether an unsafe request was sent by one of our own pages.

    `Sec-Fetch-Site` is the browser's word and no page can forge it; `none` is the person herself, who loads a page
    again. Browsers leave it out over plain http, and old ones always: then `Origin` decides. One that sends neither is
    no browser with a person before it.
    """
    if method in SAFE_METHODS:
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    return headers.get("origin", "").lower() == origin


def may_send(method: str, path: str, *, is_admin: bool) -> bool:
    """Whether a person who is logged in may open or send this."""
    if is_admin:
        return True
    return ADMIN_PAGES.fullmatch(path) is None if method in SAFE_METHODS else path in VIEWER_MAY_SEND


class SecurityHeaders:
    """Adds the headers to every answer; pages are never kept by a cache, static files say themselves how long."""

    def __init__(self, app: ASGIApp, settings: ConsoleSettings) -> None:
        self._app = app
        self._headers = dict(_HEADERS)
        if settings.secure:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and dress the answer (ASGI)."""

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, dressed if scope["type"] == "http" else send)


class TooLarge(Exception):
    """A request's body is longer than its page takes."""


class BodyLimit:
    """Stops reading a body that is longer than its path takes, before anything keeps it in memory."""

    def __init__(self, app: ASGIApp, limit: int, exceptions: Mapping[str, int]) -> None:
        self._app = app
        self._limit = limit
        self._exceptions = exceptions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; reading past the limit raises TooLarge (ASGI)."""
        limit = self._exceptions.get(scope.get("path", ""), self._limit)
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise TooLarge
            return message

        await self._app(scope, limited, send)
