"""`grantkeeper rings`: the two key files of an installation, made and rotated offline."""

from pathlib import Path
from typing import Annotated

import typer

from grantkeeper.cli.output import note, say
from grantkeeper.crypto import credentials

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
