"""`grantkeeper rings`: the two key files of an installation, made and rotated offline; `usage` asks the refresher."""

from pathlib import Path
from typing import Annotated

import typer

from grantkeeper.cli.asking import session_of
from grantkeeper.cli.output import FormatOption, note, say, structured, table
from grantkeeper.crypto import credentials
from schemas.token_requests import EngineStatus, EngineStatusGet, KeyUse

app = typer.Typer(no_args_is_help=True, help="The two key files of an installation.")
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of auth.ring.json and vault.ring.json.")]


@app.command()
def make(folder: Folder) -> None:
    """Make both files (mode 0600) of a new installation; existing ones are never replaced."""
    credentials.make_rings(folder)
    say(f"{folder / credentials.AUTH_RING}   for every service")
    say(f"{folder / credentials.VAULT_RING}  for the refresher alone")
    note("Keep a copy of both off this machine: without them no stored token and no sealed secret opens.")


@app.command()
def add(folder: Folder) -> None:
    """Begin a rotation: add an entry to both files, not yet used, and print its id."""
    ring_id = credentials.add_entry(folder)
    say(ring_id)
    note(f"Now hand both files to every service, restart it, and run: grantkeeper rings use {folder} {ring_id}")


@app.command()
def use(
    folder: Folder, ring_id: Annotated[str, typer.Argument(metavar="ID", help="As `rings add` printed it.")]
) -> None:
    """End a rotation: new keys come from this entry; older ones keep working."""
    credentials.use_entry(folder, ring_id)
    note("Restart the services once more, then mint new credentials: those of the old entry work until you remove it.")


@app.command()
def show(folder: Folder) -> None:
    """Print the ids of the entries; * marks the one in use."""
    auth_ring, vault_ring = credentials.load_rings(folder)
    for name, ring in ((credentials.AUTH_RING, auth_ring), (credentials.VAULT_RING, vault_ring)):
        say(f"{name}: " + " ".join(f"{one}*" if one == ring.current else one for one in ring.entries))


@app.command()
def usage(context: typer.Context, output: FormatOption = "table") -> None:
    """Print what each entry is still needed for, as the refresher counts it daily and at each start."""
    status = session_of(context).one(EngineStatusGet(), EngineStatus)
    if structured(status.keys, output):
        return
    table(
        ("ENTRY", "", "STORED VALUES", "CLIENT SECRETS", "MAY GO"),
        [(one.ring_id, "in use" if one.current else "", one.stored, one.sealed, _may_go(one)) for one in status.keys],
    )
    if not status.keys:
        note("One entry, which everything needs; or the refresher, started lately, has not counted yet.")


@app.command()
def remove(
    folder: Folder, ring_id: Annotated[str, typer.Argument(metavar="ID", help="An old entry that may go.")]
) -> None:
    """Drop an old entry from both files: what it signed, sealed or encrypted is worthless from then on."""
    credentials.remove_entry(folder, ring_id)
    note("Hand both files to every service and restart it.")


def _may_go(one: KeyUse) -> str:
    if one.current:
        return "no"
    if one.stored or one.sealed:
        return "no: wait for the stored values, type the client secrets again"
    return "yes, when no credential that was minted from it is in use"
