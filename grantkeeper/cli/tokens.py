"""`grantkeeper token`: the state of tokens, and what an admin does to them."""

from collections.abc import Sequence
from typing import Annotated, Literal, NoReturn

import typer

from grantkeeper.cli.asking import PROVIDER, Questions, session_of
from grantkeeper.cli.output import FormatOption, facts, note, say, structured, table
from schemas.reasons import PUBLIC_STATES
from schemas.token_requests import Revoked, TokenList, TokenPage, TokenRefresh, TokenRevoke, TokenStatusView
from schemas.token_status import TokenStatus

app = typer.Typer(
    no_args_is_help=True, help="Tokens: their state, refresh, revoke; `token get` is the password command."
)
Config = Annotated[str, typer.Argument(metavar="NAME", help="Name or id of the token config.")]
Sort = Literal["name", "state", "expires_at", "next_refresh_at", "changed_at", "template"]
PAGE = 200


@app.command(add_help_option=False, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def get() -> NoReturn:
    """Print an access token, alone: a password command (see `grantkeeper token get --help`)."""
    raise RuntimeError("token get is run by token_get.py")


@app.command()
def status(context: typer.Context, config: Config, output: FormatOption = "table") -> None:
    """Print everything about one token, but never the token."""
    session = session_of(context)
    found = session.run(lambda questions: questions.status(config))
    if not structured(found, output):
        print_status(found)


@app.command("list")
def list_(
    context: typer.Context,
    search: Annotated[str | None, typer.Option(help="Part of a name, account or template.")] = None,
    state: Annotated[list[str] | None, typer.Option(help=f"Only {', '.join(PUBLIC_STATES)}; again for more.")] = None,
    validity: Annotated[list[str] | None, typer.Option(help="Only valid, invalid, invalid-temporarily.")] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="The deleted ones instead.")] = False,
    sort: Annotated[Sort, typer.Option(help="Order by this.")] = "name",
    descending: Annotated[bool, typer.Option("--descending", help="Last one first.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many; none = all.")] = None,
    output: FormatOption = "table",
) -> None:
    """Print the overview."""
    choices = {"search": search, "states": state or [], "validity": validity or [], "deleted": deleted}
    wanted = TokenList.model_validate({**choices, "sort": sort, "descending": descending, "limit": PAGE})
    rows = session_of(context).run(lambda questions: _all(questions, wanted, limit))
    if not structured(rows, output):
        print_overview(rows)


@app.command()
def refresh(context: typer.Context, config: Config, output: FormatOption = "table") -> None:
    """Refresh now, whether it is due or not."""

    async def work(questions: Questions) -> TokenStatus:
        now = await questions.status(config)
        message = TokenRefresh(config=now.config_id, generation=now.generation)
        return (await questions.ask(message, TokenStatusView, config_id=now.config_id, deadline=PROVIDER)).status

    refreshed = session_of(context).run(work)
    if not structured(refreshed, output):
        print_status(refreshed)


@app.command()
def revoke(
    context: typer.Context,
    config: Config,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    output: FormatOption = "table",
) -> None:
    """End the grant, at the provider too where it can; afterwards somebody must log in again."""

    async def work(questions: Questions) -> Revoked:
        now = await questions.status(config)
        if not yes:
            note(used_by_sentence(now))
            typer.confirm(f"Revoke the grant of {now.name!r}?", abort=True, err=True)
        message = TokenRevoke(config=now.config_id, generation=now.generation)
        return await questions.ask(message, Revoked, config_id=now.config_id, deadline=PROVIDER)

    revoked = session_of(context).run(work)
    if not structured(revoked, output):
        print_status(revoked.status)
        note(f"At the provider: {revoked.at_provider.replace('_', ' ')}. {revoked.note}".rstrip())


def used_by_sentence(status: TokenStatus) -> str:
    """Say who got this token lately."""
    if not status.used_by:
        return f"Nobody used {status.name!r} lately."
    who = ", ".join(f"{one.principal} ({one.day})" for one in status.used_by)
    return f"{status.name!r} was used lately by {who}."


def print_overview(rows: Sequence[TokenStatus]) -> None:
    """Print one line a token."""
    table(
        ("TOKEN", "STATE", "VALIDITY", "VALID UNTIL", "NEXT REFRESH", "ACCOUNT", "TEMPLATE"),
        [
            (row.name, row.state, row.validity, row.expires_at, row.next_refresh_at, row.account, row.template)
            for row in rows
        ],
    )


def print_status(status: TokenStatus) -> None:
    """Print one token, a line a fact."""
    facts(
        [
            ("token", status.name),
            ("id", status.config_id),
            ("former names", status.former_names),
            ("state", status.state),
            ("validity", status.validity),
            ("deleted", status.deleted or None),
            ("template", status.template),
            ("account", status.account),
            ("mailbox login", status.mailbox_login),
            ("scope", status.scope),
            ("valid until", status.expires_at),
            ("next refresh", status.next_refresh_at),
            ("last refresh", status.last_refresh_at),
            ("refresh token", status.has_refresh_token),
            ("refresh token until", status.refresh_token_expires_at),
            ("client secret until", status.client_secret_ends),
            ("new login needed", status.new_login_needed or None),
            ("wrong account", status.wrong_account or None),
            ("failed attempts", status.failures or None),
            ("revision / generation", f"{status.revision} / {status.generation}"),
            ("used by", [f"{one.principal} ({one.day})" for one in status.used_by] or None),
        ]
    )
    if status.last_error is not None:
        facts([("last error", status.last_error.text), ("cure", status.last_error.cure)])
    if status.attempts:
        say("")
        table(
            ("ATTEMPT", "OUTCOME", "CODE", "HTTP", "MS", "REQUEST ID"),
            [
                (one.at, one.outcome, one.code, one.http_status, one.latency_ms, one.correlation_id)
                for one in status.attempts
            ],
        )


async def _all(questions: Questions, wanted: TokenList, limit: int | None) -> list[TokenStatus]:
    rows: list[TokenStatus] = []
    while True:
        page = await questions.ask(wanted.model_copy(update={"offset": len(rows)}), TokenPage)
        rows += page.rows
        if limit is not None and len(rows) >= limit:
            return rows[:limit]
        if not page.rows or len(rows) >= page.total:
            return rows
