"""What a button does to a principal: disable, bring back, a new credential, and its one download.

A credential is opened for the one answer that carries it to the browser as a file; no page shows it and nothing keeps
it. The browser that added the principal, or renewed its credential, may download once: the permission is a cookie of
ten minutes, which the download takes away.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from grantkeeper_client import ReplyError, SealError, dump_credential, open_for_principal, parse_credential
from schemas.config_commands import PrincipalAdd, PrincipalDisable
from schemas.config_results import PrincipalView
from schemas.principals import PrincipalChanged
from schemas.token_requests import CredentialIssue, CredentialIssued
from services.console.console import Console
from services.console.routes.mail_modules import find, is_own
from services.console.shown import shown


class MailModuleActions:
    """Each asks the bus, waits for the reply, and goes to the page of the principal."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[Route]:
        return [
            Route("/mail-modules/{principal}/disable", self.ask_disable, methods=["GET"]),
            Route("/mail-modules/{principal}/disable", self.disable, methods=["POST"]),
            Route("/mail-modules/{principal}/enable", self.enable, methods=["POST"]),
            Route("/mail-modules/{principal}/renew", self.ask_renew, methods=["GET"]),
            Route("/mail-modules/{principal}/renew", self.renew, methods=["POST"]),
            Route("/mail-modules/{principal}/credential", self.download, methods=["POST"]),
        ]

    async def ask_disable(self, request: Request) -> Response:
        one = await self._other(request)
        return self._console.page(request, "mail_module_ask.html", one=one, action="disable")

    async def ask_renew(self, request: Request) -> Response:
        one = await self._other(request)
        return self._console.page(request, "mail_module_ask.html", one=one, action="renew")

    async def disable(self, request: Request) -> Response:
        one = await self._other(request)
        await self._disable(request, one.principal, await shown(request, "sequence"))
        return self._console.go(f"/mail-modules/{one.principal}", said="module_disabled")

    async def enable(self, request: Request) -> Response:
        one = await self._other(request)
        return await self._add_again(request, one, await shown(request, "sequence"), said="module_enabled")

    async def renew(self, request: Request) -> Response:
        """Raise the key version: whoever has the old file is out, from now on."""
        one = await self._other(request)
        sequence = await shown(request, "sequence")
        if not one.disabled:
            sequence = await self._disable(request, one.principal, sequence)
        return await self._add_again(request, one, sequence, said="module_renewed")

    async def download(self, request: Request) -> Response:
        name = request.path_params["principal"]
        if not self._console.sessions.may_download(request, name):
            raise ReplyError("not_permitted", self._console.words(request)("modules.downloaded"))
        issued = await self._console.ask(request, CredentialIssue(principal=name), CredentialIssued)
        headers = {"Content-Disposition": f'attachment; filename="{issued.principal}.credential.json"'}
        response = Response(self._opened(issued), media_type="application/json", headers=headers)
        self._console.sessions.downloaded(response)
        return response

    def _opened(self, issued: CredentialIssued) -> str:
        bound = {"principal": issued.principal, "version": str(issued.version)}
        try:
            text = open_for_principal(self._console.credential.sealing_key, issued.credential, bound=bound)
        except SealError as error:
            raise ReplyError("secret_unreadable", str(error)) from error
        return dump_credential(parse_credential(text, "the credential that the refresher issued"))

    async def _disable(self, request: Request, principal: str, sequence: int) -> int:
        command = PrincipalDisable(principal=principal, expected_sequence=sequence)
        return (await self._console.ask(request, command, PrincipalView)).principal.sequence

    async def _add_again(self, request: Request, one: PrincipalChanged, sequence: int, *, said: str) -> Response:
        command = PrincipalAdd(
            principal=one.principal,
            role=one.role,
            acts_for_users=one.acts_for_users,
            configs=one.configs,
            description=one.description,
            expected_sequence=sequence,
        )
        await self._console.ask(request, command, PrincipalView)
        response = self._console.go(f"/mail-modules/{one.principal}", said=said)
        self._console.sessions.allow_download(request, response, one.principal)
        return response

    async def _other(self, request: Request) -> PrincipalChanged:
        """Return the principal that the path names; the console itself is not touched from here."""
        one = await find(self._console, request)
        if is_own(self._console, one):
            raise ReplyError("not_permitted", self._console.words(request)("modules.own"))
        return one
