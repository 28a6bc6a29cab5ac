"""`grantkeeper principals`: who may send to the bus, and the credential files they carry away."""

from pathlib import Path
from typing import Annotated

import typer

from grantkeeper.cli.asking import Questions, session_of
from grantkeeper.cli.errors import NotThere, WrongData
from grantkeeper.cli.files import write_private
from grantkeeper.cli.output import FormatOption, note, say, structured, table
from grantkeeper.crypto import credentials
from grantkeeper_client import PRINCIPAL_ID, dump_credential, open_for_principal, parse_credential
from schemas.config_commands import PrincipalAdd, PrincipalDisable, PrincipalList
from schemas.config_results import PrincipalPage, PrincipalView
from schemas.principals import PrincipalChanged, Role
from schemas.token_requests import CredentialIssue, CredentialIssued

app = typer.Typer(no_args_is_help=True, help="Programs and persons that may send to the bus.")


def _principal_id(text: str) -> str:
    if not PRINCIPAL_ID.fullmatch(text):
        raise typer.BadParameter("use 1 to 64 of a-z, 0-9 and hyphen")
    return text


Name = Annotated[str, typer.Argument(metavar="NAME", callback=_principal_id, help="Id: a-z, 0-9 and hyphen.")]
RoleOption = Annotated[Role, typer.Option(help="mail gets access tokens, viewer reads, admin does everything.")]


@app.command()
def add(
    context: typer.Context,
    name: Name,
    role: RoleOption,
    config: Annotated[
        list[str] | None,
        typer.Option(help="A token that a mail principal may get, by name or id; again for more. None = all."),
    ] = None,
    description: Annotated[str, typer.Option(help="What it is, for the next admin.")] = "",
    acts_for_users: Annotated[
        bool, typer.Option("--acts-for-users", help="Believe it which person acts (a console of your own).")
    ] = False,
    output: FormatOption = "table",
) -> None:
    """Register a principal; a disabled one comes back, and its old credential files stay useless."""

    async def work(questions: Questions) -> PrincipalView:
        ids = None if config is None else tuple([(await questions.config(one)).config_id for one in config])
        message = PrincipalAdd(
            principal=name, role=role, configs=ids, description=description, acts_for_users=acts_for_users
        )
        return await questions.ask(message, PrincipalView)

    _print_one(session_of(context).run(work), output)
    note(f"Now make its credential file: grantkeeper principals mint {name}")


@app.command("list")
def list_(context: typer.Context, output: FormatOption = "table") -> None:
    """Print all principals."""
    everyone = session_of(context).run(_everyone)
    if not structured(everyone, output):
        _table(everyone)


@app.command()
def disable(context: typer.Context, name: Name, output: FormatOption = "table") -> None:
    """Refuse every further message of a principal."""
    _print_one(session_of(context).one(PrincipalDisable(principal=name), PrincipalView), output)


@app.command()
def enable(context: typer.Context, name: Name, output: FormatOption = "table") -> None:
    """Let a disabled principal in again, with a new key version: mint its credential anew."""

    async def work(questions: Questions) -> PrincipalView:
        found = [one for one in await _everyone(questions) if one.principal == name]
        if not found:
            raise NotThere(f"there is no principal {name}: add it")
        if not found[0].disabled:
            raise WrongData(f"{name} is not disabled")
        return await questions.ask(_again(found[0]), PrincipalView)

    _print_one(session_of(context).run(work), output)
    note(f"Now make its new credential file: grantkeeper principals mint {name}")


@app.command()
def mint(
    context: typer.Context,
    name: Name,
    file: Annotated[Path | None, typer.Option("--file", help="Where to write it (NAME.credential.json).")] = None,
    rings: Annotated[
        Path | None, typer.Option(help="Make it offline from this folder of rings: for the very first ones.")
    ] = None,
    version: Annotated[int, typer.Option(min=1, help="Key version, offline only.")] = 1,
    bootstrap_servers: Annotated[str, typer.Option(help="Kafka's host:port,host:port, offline only.")] = "",
    prefix: Annotated[str, typer.Option(help="Prefix of the topics, offline only.")] = "grantkeeper.",
) -> None:
    """Make the credential file (mode 0600) of a registered principal: by the refresher, or offline with --rings."""
    place = file or Path(f"{name}.credential.json")
    if rings is None:
        text = session_of(context).run(lambda questions: _issued(questions, name))
    elif not bootstrap_servers:
        raise typer.BadParameter("say where Kafka is: --bootstrap-servers host:port")
    else:
        auth_ring, vault_ring = credentials.load_rings(rings)
        text = dump_credential(credentials.mint(auth_ring, vault_ring, name, version, bootstrap_servers, prefix))
    write_private(place, text)
    say(str(place))


async def _everyone(questions: Questions) -> list[PrincipalChanged]:
    found: list[PrincipalChanged] = []
    cursor: str | None = None
    while True:
        page = await questions.ask(PrincipalList(cursor=cursor), PrincipalPage)
        found += page.principals
        cursor = page.cursor
        if cursor is None:
            return found


async def _issued(questions: Questions, name: str) -> str:
    issued = await questions.ask(CredentialIssue(principal=name), CredentialIssued)
    bound = {"principal": issued.principal, "version": str(issued.version)}
    text = open_for_principal(questions.credential.sealing_key, issued.credential, bound=bound)
    return dump_credential(parse_credential(text, "the credential that the refresher issued"))


def _again(principal: PrincipalChanged) -> PrincipalAdd:
    return PrincipalAdd(
        principal=principal.principal,
        role=principal.role,
        acts_for_users=principal.acts_for_users,
        configs=principal.configs,
        description=principal.description,
    )


def _print_one(view: PrincipalView, output: FormatOption) -> None:
    if not structured(view.principal, output):
        _table([view.principal])


def _table(principals: "list[PrincipalChanged] | tuple[PrincipalChanged, ...]") -> None:
    table(
        ("PRINCIPAL", "ROLE", "VERSION", "MAY GET", "STATE", "DESCRIPTION"),
        [
            (
                one.principal,
                one.role,
                one.version,
                "all" if one.configs is None else len(one.configs),
                "disabled" if one.disabled else "enabled",
                one.description,
            )
            for one in principals
        ],
    )
