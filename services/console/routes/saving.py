"""Storing an edit: what it means for the login is asked first, and stored at once only where it means nothing."""

from starlette.requests import Request
from starlette.responses import Response

from schemas.config_commands import ConfigUpdate, FieldEdits
from schemas.config_results import ConfigSaved, ConfigView, NewLogin
from services.console.console import Console


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
    ) -> Response | NewLogin:
        """Store it and go to the token; or return what it means, where that is news to the person.

        Raises ReplyError (`revision_conflict` among them) or NoAnswer; then nothing was stored, as far as is known.
        """
        command = ConfigUpdate(
            config_id=view.config_id, expected_revision=view.revision, fields=fields, text=text, dry_run=not confirmed
        )
        saved = await self._send(request, command)
        if command.dry_run and saved.new_login != "no":
            return saved.new_login
        if command.dry_run:
            saved = await self._send(request, command.model_copy(update={"dry_run": False}))
        said = "saved_rewritten" if saved.rewritten else "saved"
        return self._console.go(f"/tokens/{view.config_id}?revision={saved.revision}", said=said)

    async def _send(self, request: Request, command: ConfigUpdate) -> ConfigSaved:
        return await self._console.ask(request, command, ConfigSaved, config_id=command.config_id)
