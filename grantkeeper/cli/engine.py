"""`grantkeeper engine`: what all refreshers together are doing, and the switch that stops them."""

from typing import Annotated

import typer

from grantkeeper.cli.asking import session_of
from grantkeeper.cli.output import Format, FormatOption, facts, note, structured, table
from schemas.token_requests import EngineResume, EngineStatus, EngineStatusGet, EngineStop

app = typer.Typer(no_args_is_help=True, help="The refreshing as a whole: its numbers, and the switch that stops it.")


@app.command()
def status(context: typer.Context, output: FormatOption = "table") -> None:
    """Print what is due and under way, and the clients, troubled ones first."""
    _print(session_of(context).one(EngineStatusGet(), EngineStatus), output)


@app.command()
def stop(context: typer.Context, output: FormatOption = "table") -> None:
    """Send nothing to any provider; living access tokens are still handed out."""
    _print(session_of(context).one(EngineStop(), EngineStatus), output)


@app.command()
def resume(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    output: FormatOption = "table",
) -> None:
    """Go on. After a clone or a restore: confirm that this installation, and no other, refreshes these grants."""
    session = session_of(context)
    if not yes and session.one(EngineStatusGet(), EngineStatus).held is not None:
        note("This database met another Kafka cluster than before: it is a copy, or Kafka was replaced.")
        note("Where another installation uses the same grants, its refresh tokens end when this one uses them.")
        typer.confirm("Is this the only installation that refreshes these grants?", abort=True, err=True)
    _print(session.one(EngineResume(), EngineStatus), output)


def _print(engine: EngineStatus, output: Format) -> None:
    if structured(engine, output):
        return
    facts(
        [
            ("engine", _state(engine)),
            ("stopped by", engine.stopped_by),
            ("stopped at", engine.stopped_at),
            ("due now", engine.due_now),
            ("overdue", f"{engine.overdue_seconds:.0f} s" if engine.due_now else None),
            ("under way", engine.in_flight),
        ]
    )
    table(
        ("CLIENT", "SERVER", "TOKENS", "FAULT", "HELD UNTIL", "SECRET UNTIL", "CURE"),
        [
            (one.client_id, one.server, one.tokens, one.code, one.held_until, one.secret_ends_at, one.cure)
            for one in engine.clients
        ],
    )


def _state(engine: EngineStatus) -> str:
    if engine.held is not None:
        return "held: this database met another Kafka cluster"
    return "stopped" if engine.stopped else "running"
