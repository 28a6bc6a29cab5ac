"""The command line as a whole: one noun a file, one place where an error becomes a sentence and an exit code."""

import logging
import traceback
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Final

import typer
from pydantic import ValidationError

from grantkeeper.cli import (
    adoptions,
    authorizations,
    configs,
    dead_letters,
    doctor,
    engine,
    exit_codes,
    logins,
    notifications,
    principals,
    rings,
    templates,
    tokens,
)
from grantkeeper.cli.asking import Session
from grantkeeper.cli.environment import Environment
from grantkeeper.cli.errors import CommandError
from grantkeeper.cli.output import note, sentence
from grantkeeper.crypto.errors import CryptoError
from grantkeeper.strict_yaml import StrictYamlError
from grantkeeper_client import CredentialError, GrantkeeperError, NoReply, ReplyError

app = typer.Typer(
    name="grantkeeper",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
# First match counts.
_OF_OTHERS: Final[Sequence[tuple[type[Exception], int]]] = (
    (NoReply, exit_codes.TRY_AGAIN),
    (CredentialError, exit_codes.CONFIGURATION),
    (CryptoError, exit_codes.CONFIGURATION),
    (StrictYamlError, exit_codes.DATA),
    (GrantkeeperError, exit_codes.SOFTWARE),
)
# Typer's own: 1 = the person said no or pressed Ctrl-C, 2 = the command was not understood.
_OF_TYPER: Final = {1: exit_codes.INTERRUPTED, 2: exit_codes.USAGE}

tokens.app.command()(logins.login)
tokens.app.command()(adoptions.adopt)
tokens.app.command()(adoptions.adopt_all)
app.add_typer(tokens.app, name="token")
app.add_typer(configs.app, name="config")
app.add_typer(authorizations.app, name="authorization")
app.add_typer(templates.app, name="templates")
app.add_typer(engine.app, name="engine")
app.add_typer(notifications.app, name="notifications")
app.add_typer(principals.app, name="principals")
app.add_typer(rings.app, name="rings")
app.add_typer(dead_letters.app, name="dead-letters")
app.command("doctor")(doctor.doctor)


@app.callback()
def root(
    context: typer.Context,
    credential: Annotated[
        str | None, typer.Option(metavar="FILE", help="Credential file; else GRANTKEEPER_CREDENTIAL names it.")
    ] = None,
) -> None:
    """Grantkeeper keeps OAuth2 grants alive; this command line sends what admins want to its services."""
    environment = context.ensure_object(Environment)
    if credential is not None:
        environment = replace(environment, credential_file=credential)
    context.obj = Session(environment)


def run(arguments: Sequence[str], environment: Environment) -> int:
    """Run one command and return its exit code."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it has to say comes as an error
    try:
        app(args=list(arguments), prog_name="grantkeeper", obj=environment)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else exit_codes.OK
        return _OF_TYPER.get(code, code)
    except Exception as error:  # noqa: BLE001 - the outermost place: whatever it is becomes a sentence or a traceback
        sentence, code = explained(error)
        if sentence is None:
            traceback.print_exception(error)
        else:
            note(f"grantkeeper: {sentence}")
        return code
    return exit_codes.OK


def explained(error: Exception) -> tuple[str | None, int]:
    """Return an error's sentence and exit code; no sentence for a fault of the program itself."""
    if isinstance(error, ReplyError):
        return _with_details(error), exit_codes.of_error(error.code, retryable=error.retryable)
    if isinstance(error, ValidationError):
        return _of_validation(error), exit_codes.DATA
    if isinstance(error, CommandError):
        return str(error), error.exit_code
    for kind, code in _OF_OTHERS:
        if isinstance(error, kind):
            return str(error), code
    return None, exit_codes.SOFTWARE


def _with_details(error: ReplyError) -> str:
    lines = [error.message]
    for detail in error.details:
        place = ", ".join(
            f"{name} {detail[name]}" for name in ("record", "line", "field") if detail.get(name) is not None
        )
        told = f"{sentence(str(detail.get('problem', '')))} {sentence(str(detail.get('cure', '')))}".strip()
        lines.append(f"  {place}: {told}" if place else f"  {told}")
    if error.retry_after is not None:
        lines.append(f"  try again in {error.retry_after:.0f} s")
    return "\n".join(lines)


def _of_validation(error: ValidationError) -> str:
    problems = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in problems)
