"""`grantkeeper authorization`: one login, for hosts without a browser: open the URL elsewhere, paste where it ended."""

from typing import Annotated

import typer

from grantkeeper.cli.asking import PROVIDER, Questions, session_of
from grantkeeper.cli.output import FormatOption, facts, note, say, structured
from grantkeeper.cli.secret_input import read_secret
from grantkeeper_client import seal_to_installation
from schemas.token_requests import (
    AuthorizationComplete,
    AuthorizationCompleted,
    AuthorizationStart,
    AuthorizationStarted,
)

app = typer.Typer(no_args_is_help=True, help="One login at the provider, on a host without a browser.")
Config = Annotated[str, typer.Argument(metavar="NAME", help="Name or id of the token config.")]


@app.command()
def start(context: typer.Context, config: Config, output: FormatOption = "table") -> None:
    """Print the address to open in a browser."""
    started = session_of(context).one(AuthorizationStart(config=config), AuthorizationStarted, deadline=PROVIDER)
    if structured(started, output):
        return
    print_started(started)
    note(f"Copy that whole address and run: grantkeeper authorization complete {_quoted(started.name)}")


@app.command()
def complete(
    context: typer.Context,
    config: Config,
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="Read the address from a file; - = standard input.")
    ] = None,
    output: FormatOption = "table",
) -> None:
    """Hand in the address on which the browser ended. It holds a code, so it is asked for without echo."""
    redirect_url = read_secret("Address in the browser", file, prompt=True) or ""
    completed = session_of(context).run(lambda questions: hand_in(questions, config, redirect_url))
    if not structured(completed, output):
        print_completed(completed)


async def hand_in(questions: Questions, config: str, redirect_url: str) -> AuthorizationCompleted:
    """Seal the address on which the browser ended, and hand it in."""
    config_id = (await questions.status(config)).config_id
    bound = {"config_id": config_id}
    key = questions.credential.installation_key
    sealed = seal_to_installation(key, redirect_url.strip(), use="redirect_url", bound=bound)
    message = AuthorizationComplete(config=config_id, redirect_url=sealed)
    return await questions.ask(message, AuthorizationCompleted, config_id=config_id, deadline=PROVIDER)


def print_completed(completed: AuthorizationCompleted) -> None:
    """Print what a login yielded, and what is to be said about it."""
    facts(
        [
            ("token", completed.status.name),
            ("state", completed.status.state),
            ("account", completed.account),
            ("valid until", completed.status.expires_at),
            ("refresh token", completed.refresh_token_received),
        ]
    )
    for sentence in completed.notes:
        note(sentence)


def print_started(started: AuthorizationStarted) -> None:
    """Print the address to open, and where it ends."""
    say(started.url)
    account = f" as {started.expected_account}" if started.expected_account else ""
    note(f"Open it in a browser and log in at {started.host}{account}. The browser ends on {started.redirect_uri}?...")


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "'\\''") + "'"
