"""What a button does to one token: refresh, revoke, set its validity, delete, restore, keep its account."""

from typing import get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.config_commands import ConfigDelete, ConfigSetValidity, ConfigUndelete, ConfigUpdate, FieldEdits
from schemas.config_results import ConfigSaved
from schemas.token_config import Validity
from schemas.token_requests import Revoked, TokenRefresh, TokenRevoke, TokenStatusView
from services.console import views
from services.console.asking import PROVIDER
from services.console.console import Console
from services.console.routes.lookup import look_up, stored_config, token_status
from services.console.shown import shown


class TokenActions:
    """Each asks the bus, waits for the reply, and goes to the page that shows what became of it."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[Route]:
        return [
            Route("/tokens/{config_id}/refresh", self.refresh, methods=["POST"]),
            Route("/tokens/{config_id}/revoke", self.ask_revoke, methods=["GET"]),
            Route("/tokens/{config_id}/revoke", self.revoke, methods=["POST"]),
            Route("/tokens/{config_id}/validity", self.ask_validity, methods=["GET"]),
            Route("/tokens/{config_id}/validity/{validity}", self.set_validity, methods=["POST"]),
            Route("/tokens/{config_id}/delete", self.ask_delete, methods=["GET"]),
            Route("/tokens/{config_id}/delete", self.delete, methods=["POST"]),
            Route("/tokens/{config_id}/undelete", self.undelete, methods=["POST"]),
            Route("/tokens/{config_id}/keep-account", self.keep_account, methods=["POST"]),
        ]

    async def refresh(self, request: Request) -> Response:
        config_id = request.path_params["config_id"]
        question = TokenRefresh(config=config_id, generation=await shown(request, "generation"))
        await self._console.ask(request, question, TokenStatusView, config_id=config_id, deadline=PROVIDER)
        return self._console.go(f"/tokens/{config_id}", said="refreshed")

    async def ask_revoke(self, request: Request) -> Response:
        status = await token_status(self._console, request)
        row = views.row(status, self._console.clock.now(), self._console.words(request))
        return self._console.page(request, "revoke.html", row=row)

    async def revoke(self, request: Request) -> Response:
        config_id = request.path_params["config_id"]
        question = TokenRevoke(config=config_id, generation=await shown(request, "generation"))
        done = await self._console.ask(request, question, Revoked, config_id=config_id, deadline=PROVIDER)
        said = {"revoked": "revoked", "no_endpoint": "revoked_no_endpoint", "failed": "revoked_failed"}
        return self._console.go(f"/tokens/{config_id}", said=said[done.at_provider])

    async def ask_validity(self, request: Request) -> Response:
        """Show who used it lately before somebody switches it off."""
        known = await look_up(self._console, request)
        return self._console.page(request, "validity.html", known=known, choices=get_args(Validity))

    async def set_validity(self, request: Request) -> Response:
        """Set it, and offer the way back to what it was."""
        config_id, validity = request.path_params["config_id"], request.path_params["validity"]
        revision = await shown(request, "revision")
        before = await stored_config(self._console, request)
        command = ConfigSetValidity(config_id=config_id, validity=validity, expected_revision=revision)
        saved = await self._console.ask(request, command, ConfigSaved, config_id=config_id)
        back = f"/tokens/{config_id}/validity/{before.config.validity}?revision={saved.revision}"
        undo = back if saved.revision != before.revision else ""
        said = f"set_{validity.replace('-', '_')}"
        return self._console.go(f"/tokens/{config_id}?revision={saved.revision}", said=said, undo=undo)

    async def ask_delete(self, request: Request) -> Response:
        known = await look_up(self._console, request)
        return self._console.page(request, "delete.html", known=known)

    async def delete(self, request: Request) -> Response:
        config_id = request.path_params["config_id"]
        command = ConfigDelete(config_id=config_id, expected_revision=await shown(request, "revision"))
        saved = await self._console.ask(request, command, ConfigSaved, config_id=config_id)
        path = f"/tokens/{config_id}"
        return self._console.go(f"{path}?revision={saved.revision}", said="deleted", undo=f"{path}/undelete")

    async def undelete(self, request: Request) -> Response:
        config_id = request.path_params["config_id"]
        command = ConfigUndelete(config_id=config_id)
        saved = await self._console.ask(request, command, ConfigSaved, config_id=config_id)
        return self._console.go(f"/tokens/{config_id}?revision={saved.revision}", said="undeleted")

    async def keep_account(self, request: Request) -> Response:
        """Make the account that logged in the expected one."""
        config_id = request.path_params["config_id"]
        status = await token_status(self._console, request)
        view = await stored_config(self._console, request)
        options = view.config.options.model_copy(update={"mailbox_login": status.account})
        command = ConfigUpdate(
            config_id=view.config_id, expected_revision=view.revision, fields=FieldEdits(options=options)
        )
        saved = await self._console.ask(request, command, ConfigSaved, config_id=config_id)
        return self._console.go(f"/tokens/{config_id}?revision={saved.revision}", said="kept")
