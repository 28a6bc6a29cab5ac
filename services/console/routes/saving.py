"""Storing an edit: what it means for the login is asked first, and stored at once only where it means nothing."""

from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from grantkeeper_client import ReplyError
from schemas.config_commands import ConfigUpdate, FieldEdits
from schemas.config_results import ConfigSaved, ConfigView, NewLogin
from services.console.asking import NoAnswer
from services.console.console import Console
from services.console.routes.lookup import token_status

Means = NewLogin | Literal["mailbox"]
"""What an edit means: for the login, or for the mailbox that mail modules log in to."""


class Saving:
    """Sends one edit, of fields or of the text."""

    def __init__(self, console: Console) -> None:
        self._console = console

    async def save(
        self,
        request: Request,
        view: ConfigView,
        *,
        fields: FieldEdits | None = None,
        text: str | None = None,
        confirmed: bool = False,
    ) -> Response | Means:
        """Store it and go to the token; or return what it means, where that is news to the person.

        Raises ReplyError (`revision_conflict` among them) or NoAnswer; then nothing was stored, as far as is known.
        """
        command = ConfigUpdate(
            config_id=view.config_id, expected_revision=view.revision, fields=fields, text=text, dry_run=not confirmed
        )
        saved = await self._send(request, command)
        if command.dry_run:
            means: Means = saved.new_login
            if means == "no" and not view.config.mints and "options.mailbox_login" in saved.changed:
                means = await self._mailbox(request, fields)
            if means != "no":
                return means
            saved = await self._send(request, command.model_copy(update={"dry_run": False}))
        said = "saved_rewritten" if saved.rewritten else "saved"
        return self._console.go(f"/tokens/{view.config_id}?revision={saved.revision}", said=said)

    async def _mailbox(self, request: Request, fields: FieldEdits | None) -> Literal["no", "mailbox"]:
        """Tell whether another account is connected than the mailbox is logged in to from now on.

        Where nobody answers it is asked rather than left out: a wrong one stops the mail at once.
        """
        login = fields.options.mailbox_login if fields and fields.options else None
        if fields is not None and login is None:
            return "no"  # cleared: the connected account logs in
        try:
            account = (await token_status(self._console, request)).account
        except (ReplyError, NoAnswer):
            return "mailbox"
        same = account is None or account.casefold() == (login or "").casefold()
        return "no" if same else "mailbox"

    async def _send(self, request: Request, command: ConfigUpdate) -> ConfigSaved:
        return await self._console.ask(request, command, ConfigSaved, config_id=command.config_id)
