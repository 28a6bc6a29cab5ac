"""`grantkeeper token adopt` and `adopt-all`: moving in without a login for each mailbox.

A refresh token comes from a prompt, standard input or a file that only its owner can read; never from an argument.
"""

import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import SecretStr

from grantkeeper.cli.asking import PROVIDER, Questions, session_of
from grantkeeper.cli.errors import InputFileError, WrongData
from grantkeeper.cli.files import read_bytes
from grantkeeper.cli.output import FormatOption, note, structured, table
from grantkeeper.cli.secret_input import STDIN, read_secret
from grantkeeper.cli.tokens import Config, print_status
from grantkeeper_client import ReplyError, seal_to_installation
from schemas.token_requests import GrantAdopt, TokenStatusView
from schemas.token_status import TokenStatus

ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="Even where a grant is authorized: it is replaced once the new one works.")
]
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def adopt(
    context: typer.Context,
    config: Config,
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="Read the refresh token there; - = standard input.")
    ] = None,
    replace: ReplaceOption = False,
    output: FormatOption = "table",
) -> None:
    """Take over a refresh token that another program held; stop that program first. Asked for without echo."""
    refresh_token = SecretStr((read_secret("Refresh token", file, prompt=True) or "").strip())
    adopted = session_of(context).run(lambda questions: _adopted(questions, config, refresh_token, replace=replace))
    if not structured(adopted, output):
        print_status(adopted)


def adopt_all(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A name, a tab and a refresh token per line; - = standard input.")
    ],
    replace: ReplaceOption = False,
) -> None:
    """Take over many refresh tokens, one after another; what is refused does not keep the others out."""
    lines = list(_lines(_text(file)))

    async def work(questions: Questions) -> list[tuple[str, str, str]]:
        return [await _outcome(questions, line, replace=replace) for line in lines]

    outcomes = session_of(context).run(work)
    table(("TOKEN", "OUTCOME", "WHAT"), outcomes)
    refused = sum(outcome == "refused" for _, outcome, _ in outcomes)
    if refused:
        raise WrongData(f"{refused} of {len(outcomes)} were refused; the others are as said above")


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    refresh_token: SecretStr


def _text(file: str) -> str:
    if file == STDIN:
        raw = sys.stdin.buffer.read()
    else:
        raw = read_bytes(Path(file))
        if Path(file).stat().st_mode & _OTHERS:
            raise InputFileError(f"{file} can be read by others: chmod 600 it, and delete it afterwards")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise WrongData("the file is not UTF-8 text") from None


def _lines(text: str) -> Iterator[_Line]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, tab, refresh_token = line.partition("\t")
        if not tab or not name.strip() or not refresh_token.strip():
            raise WrongData(f"line {number}: write a name, one tab and a refresh token; nothing was sent")
        yield _Line(name.strip(), SecretStr(refresh_token.strip()))


async def _outcome(questions: Questions, line: _Line, *, replace: bool) -> tuple[str, str, str]:
    try:
        status = await _adopted(questions, line.name, line.refresh_token, replace=replace)
    except ReplyError as error:
        note(f"{line.name}: {error.message}")
        return line.name, "refused", error.message
    return line.name, "adopted", status.account or ""


async def _adopted(questions: Questions, config: str, refresh_token: SecretStr, *, replace: bool) -> TokenStatus:
    now = await questions.status(config)
    sealed = seal_to_installation(
        questions.credential.installation_key,
        refresh_token.get_secret_value(),
        use="refresh_token",
        bound={"config_id": now.config_id},
    )
    generation = now.generation if replace else None
    message = GrantAdopt(config=now.config_id, refresh_token=sealed, generation=generation)
    return (await questions.ask(message, TokenStatusView, config_id=now.config_id, deadline=PROVIDER)).status
