"""`grantkeeper notifications`: what needs a person."""

from typing import Annotated

import typer

from grantkeeper.cli.asking import Questions, session_of
from grantkeeper.cli.output import FormatOption, facts, structured, table
from schemas.admin_notifications import NotificationChanged
from schemas.notification_commands import (
    NotificationAcknowledge,
    NotificationList,
    NotificationPage,
    NotificationView,
)

app = typer.Typer(no_args_is_help=True, help="What needs a person.")
PAGE = 200


@app.command("list")
def list_(
    context: typer.Context,
    state: Annotated[
        list[str] | None,
        typer.Option(help="Only open, reminded, acknowledged or resolved; none = all but resolved."),
    ] = None,
    output: FormatOption = "table",
) -> None:
    """Print notifications, newest first."""
    wanted = NotificationList.model_validate({"limit": PAGE} | ({} if state is None else {"states": state}))
    found = session_of(context).run(lambda questions: _all(questions, wanted))
    if not structured(found, output):
        rows = [(one.severity, one.state, one.opened_at, one.title, one.cure, one.cause) for one in found]
        table(("", "STATE", "SINCE", "WHAT", "CURE", "CAUSE"), rows)


@app.command()
def acknowledge(
    context: typer.Context,
    cause: Annotated[str, typer.Argument(metavar="CAUSE", help="As `notifications list` prints it.")],
    sequence: Annotated[
        int | None, typer.Option(min=1, help="The occurrence that was seen; a newer one is not silenced.")
    ] = None,
    output: FormatOption = "table",
) -> None:
    """Seen: no more reminders, until it comes back."""
    view = session_of(context).one(NotificationAcknowledge(cause=cause, sequence=sequence), NotificationView)
    one = view.notification
    if not structured(one, output):
        facts([("notification", one.title), ("state", one.state), ("acknowledged by", one.acknowledged_by)])


async def _all(questions: Questions, wanted: NotificationList) -> list[NotificationChanged]:
    found: list[NotificationChanged] = []
    while True:
        page = await questions.ask(wanted.model_copy(update={"offset": len(found)}), NotificationPage)
        found += page.notifications
        if not page.notifications or len(found) >= page.total:
            return found
