"""`grantkeeper dead-letters`: where messages were given up, read from the topic itself."""

import asyncio
import logging
from typing import Annotated, Final

import structlog
import typer
from pydantic import ValidationError

from grantkeeper.cli.asking import session_of
from grantkeeper.cli.environment import Environment
from grantkeeper.cli.output import FormatOption, structured, table
from grantkeeper.process.clock import SYSTEM_CLOCK
from grantkeeper.process.settings import KafkaSettings
from grantkeeper_client import CredentialError, Envelope, NoReply
from schemas.dead_letters import DeadLetter
from schemas.topics import DEAD_LETTERS

app = typer.Typer(no_args_is_help=True, help="Messages that no service could take.")
_DEADLINE: Final = 30.0


@app.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="The last so many.")] = 50,
    output: FormatOption = "table",
) -> None:
    """Print place and reason, newest last. The messages themselves stay where they are."""
    letters = read_dead_letters(session_of(context).environment)[-limit:]
    if not structured(letters, output):
        rows = [
            (one.at, one.service, f"{one.topic}/{one.partition}@{one.offset}", one.reason, one.detail)
            for one in letters
        ]
        table(("WHEN", "SERVICE", "PLACE", "REASON", "DETAIL"), rows)


def read_dead_letters(environment: Environment) -> list[DeadLetter]:
    """Return all that the topic holds, oldest first; raises NoReply, CredentialError."""
    return asyncio.run(_read(environment))


async def _read(environment: Environment) -> list[DeadLetter]:
    # Late: the bus brings FastStream along, which every other command would wait for.
    from grantkeeper.bus.received import Place  # noqa: PLC0415
    from grantkeeper.bus.tail import Tail  # noqa: PLC0415

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))  # the result alone
    letters: list[DeadLetter] = []

    async def take(envelope: Envelope, _: Place) -> None:
        if envelope.type == DeadLetter.TYPE and envelope.value is not None:
            letters.append(DeadLetter.read(envelope.value))

    tail = Tail(_settings(environment), DEAD_LETTERS, take, service="grantkeeper-cli", clock=SYSTEM_CLOCK)
    try:
        async with asyncio.timeout(_DEADLINE):
            await tail.start()
            await tail.ready()
    except TimeoutError:
        raise NoReply(f"Kafka did not give its topic {DEAD_LETTERS} within {_DEADLINE:g} s: is it running?") from None
    finally:
        await tail.stop()
    return sorted(letters, key=lambda letter: letter.at)


def _settings(environment: Environment) -> KafkaSettings:
    credential = environment.credential()
    try:
        return KafkaSettings.model_validate(
            {
                "bootstrap_servers": credential.bootstrap_servers,
                "prefix": credential.prefix,
                **environment.security_settings,
            }
        )
    except ValidationError as error:
        raise CredentialError(f"the settings of the connection cannot be used: {error}") from None
