"""The page at `/`: which realms there are, and the client to try them with."""

from typing import Any

from jinja2 import Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from devstack.provider.login_pages import HEADERS
from devstack.provider.provider import Provider
from devstack.provider.settings import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Rotation

RULES = {
    Rotation.NONE: "stay as they are",
    Rotation.KEEP_OLD: "a new one each time, old ones keep working",
    Rotation.STRICT: "a new one each time, an old one ends them all",
    Rotation.GRACE: "a new one each time, the old one works a little longer",
}


class HomePage:
    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        templates = Environment(loader=PackageLoader("devstack.provider", "pages"), autoescape=True)
        self._page = templates.get_template("home.html")

    async def show(self, _: Request) -> Response:
        page = self._page.render(realms=self._provider.realms.items(), rules=RULES, demo=self._demo())
        return HTMLResponse(page, headers=HEADERS)

    def _demo(self) -> dict[str, Any] | None:
        """The built-in client as long as it has its built-in secret, which this source tells anyway; no other."""
        client = self._provider.clients.get(DEMO_CLIENT_ID)
        known = [] if client is None else [secret.get_secret_value() for secret in client.secrets]
        return {"client_id": DEMO_CLIENT_ID, "secret": DEMO_CLIENT_SECRET} if DEMO_CLIENT_SECRET in known else None
