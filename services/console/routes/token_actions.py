"""What a button does to one token: refresh, revoke, delete, restore, keep the account that logged in."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.config_commands import ConfigDelete, ConfigGet, ConfigUndelete, ConfigUpdate, FieldEdits
from schemas.config_results import ConfigSaved, ConfigView
from schemas.token_requests import Revoked, TokenRefresh, TokenRevoke, TokenStatusGet, TokenStatusView
from schemas.token_status import TokenStatus
from services.console.asking import PROVIDER
from services.console.console import Console
from services.console.routes.tokens import look_up


class TokenActions:
    """Each asks the bus, waits for the reply, and goes to the page that shows what became of it."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[Route]:
        return [
            Route("/tokens/{config_id}/refresh", self.refresh, methods=["POST"]),
            Route("/tokens/{config_id}/revoke", self.ask_revoke, methods=["GET"]),
            Route("/tokens/{config_id}/revoke", self.revoke, methods=["POST"]),
            Route("/tokens/{config_id}/delete", self.ask_delete, methods=["GET"]),
            Route("/tokens/{config_id}/delete", self.delete, methods=["POST"]),
            Route("/tokens/{config_id}/undelete", self.undelete, methods=["POST"]),
            Route("/tokens/{config_id}/keep-account", self.keep_account, methods=["POST"]),
        ]

    async def refresh(self, request: Request) -> Response:
        config_id = request.path_params["config_id"]
        status = await self._status(request)
        question = TokenRefresh(config=config_id, generation=status.generation)
        await self._console.ask(request, question, TokenStatusView, config_id=config_id, deadline=PROVIDER)
        return self._console.go(f"/tokens/{config_id}", said="refreshed")

    async def ask_revoke(self, request: Request) -> Response:
        status = await self._status(request)
        return self._console.page(request, "revoke.html", status_of=status)

    async def revoke(self, request: Request) -> Response:
        config_id = request.path_params["config_id"]
        status = await self._status(request)
        question = TokenRevoke(config=config_id, generation=status.generation)
        done = await self._console.ask(request, question, Revoked, config_id=config_id, deadline=PROVIDER)
        said = {"revoked": "revoked", "no_endpoint": "revoked_no_endpoint", "failed": "revoked_failed"}
        return self._console.go(f"/tokens/{config_id}", said=said[done.at_provider])

    async def ask_delete(self, request: Request) -> Response:
        known = await look_up(self._console, request, request.path_params["config_id"])
        return self._console.page(request, "delete.html", config_id=known.config_id, view=known.view, row=known.row)

    async def delete(self, request: Request) -> Response:
        config_id = request.path_params["config_id"]
        command = ConfigDelete(config_id=config_id)
        saved = await self._console.ask(request, command, ConfigSaved, config_id=config_id)
        return self._console.go(f"/tokens/{config_id}?revision={saved.revision}", said="deleted")

    async def undelete(self, request: Request) -> Response:
        config_id = request.path_params["config_id"]
        command = ConfigUndelete(config_id=config_id)
        saved = await self._console.ask(request, command, ConfigSaved, config_id=config_id)
        return self._console.go(f"/tokens/{config_id}?revision={saved.revision}", said="undeleted")

    async def keep_account(self, request: Request) -> Response:
        """Make the account that logged in the expected one."""
        config_id = request.path_params["config_id"]
        status = await self._status(request)
        view = await self._console.ask(request, ConfigGet(config=config_id), ConfigView, config_id=config_id)
        options = view.config.options.model_copy(update={"mailbox_login": status.account})
        command = ConfigUpdate(
            config_id=view.config_id, expected_revision=view.revision, fields=FieldEdits(options=options)
        )
        saved = await self._console.ask(request, command, ConfigSaved, config_id=config_id)
        return self._console.go(f"/tokens/{config_id}?revision={saved.revision}", said="kept")

    async def _status(self, request: Request) -> TokenStatus:
        config_id = request.path_params["config_id"]
        found = await self._console.ask(request, TokenStatusGet(config=config_id), TokenStatusView, config_id=config_id)
        return found.status
