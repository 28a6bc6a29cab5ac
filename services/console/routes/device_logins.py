"""A login by device code (RFC 8628): a person types a code anywhere, the refresher asks what became of it."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from grantkeeper_client import ReplyError
from schemas.token_config import TokenConfig
from schemas.token_requests import AuthorizationDevice, DeviceAuthorizationStarted
from schemas.token_status import TokenStatus
from services.console import views
from services.console.asking import PROVIDER
from services.console.console import Console
from services.console.routes.lookup import token_status


class DeviceLogins:
    """Start, then watch the token's state until the login has ended."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[Route]:
        return [
            Route("/tokens/{config_id}/authorize/device", self.start, methods=["POST"]),
            Route("/tokens/{config_id}/authorize/device", self.outcome, methods=["GET"]),
        ]

    async def start(self, request: Request) -> Response:
        config_id = request.path_params["config_id"]
        before = await token_status(self._console, request)
        started = await self._console.ask(
            request,
            AuthorizationDevice(config=config_id),
            DeviceAuthorizationStarted,
            config_id=config_id,
            deadline=PROVIDER,
        )
        if urlsplit(started.verification_uri_complete or started.verification_uri).scheme not in {"https", "http"}:
            raise ReplyError("authorization_failed", "The address for the login is not a web address.")
        return self._console.page(
            request, "authorize_device.html", started=started, config_id=config_id, before=last_login(before)
        )

    async def outcome(self, request: Request) -> Response:
        """Say what became of a login: it is done where the last one is not that of `before`; refreshes do not count."""
        status = await token_status(self._console, request)
        words, now = self._console.words(request), self._console.clock.now()
        before, last = request.query_params.get("before", ""), last_login(status)
        connected = last not in {"", before}
        return self._console.page(
            request,
            "authorize_device_outcome.html",
            row=views.row(status, now, words),
            before=before,
            connected=connected,
            waiting=not connected and status.authorizing_until is not None and status.authorizing_until > now,
        )


def last_login(status: TokenStatus) -> str:
    """Name the last login of a token in an address: milliseconds since 1970; empty where there was none."""
    return "" if status.authorized_at is None else f"{status.authorized_at.timestamp() * 1000:.0f}"


def has_device_flow(config: TokenConfig) -> bool:
    """Whether a login by code may be offered: an address for it is set, or may be found."""
    options = config.options
    return not config.mints and bool(options.device_authorization_endpoint or options.discovery)
