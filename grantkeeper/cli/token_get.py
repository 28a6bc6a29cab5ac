"""`grantkeeper token get NAME`: a password command. Prints the access token alone, writes nothing to disk.

It is called at each login of a mail program, so it imports the client library and nothing of the house but the exit
codes: no typer, no pydantic.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, NoReturn

from typing_extensions import override

from grantkeeper.cli import exit_codes
from grantkeeper.cli.environment import Environment
from grantkeeper_client import CredentialError, Grantkeeper, GrantkeeperError, NoReply, ReplyError

WORDS: Final = ("token", "get")


def run(arguments: Sequence[str], environment: Environment) -> int:
    """Print the access token and return 0, or say why not and return the exit code; `arguments` as after "get"."""
    wanted = _parser().parse_args(arguments)
    if wanted.credential is not None:
        environment = replace(environment, credential_file=wanted.credential)
    try:
        token = asyncio.run(_get(environment, wanted.name, wanted.min_validity, wanted.deadline))
    except ReplyError as error:
        return _fail(str(error), exit_codes.of_error(error.code, retryable=error.retryable))
    except NoReply as error:
        return _fail(str(error), exit_codes.TRY_AGAIN)
    except CredentialError as error:
        return _fail(str(error), exit_codes.CONFIGURATION)
    except GrantkeeperError as error:
        return _fail(str(error), exit_codes.SOFTWARE)
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    sys.stdout.write(token + "\n")
    return exit_codes.OK


async def _get(environment: Environment, name: str, min_validity: int, deadline: float) -> str:
    async with Grantkeeper(environment.credential(), security=environment.security()) as grantkeeper:
        token = await grantkeeper.get_access_token(
            name, min_validity=min_validity, deadline=timedelta(seconds=deadline)
        )
        return token.value


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"grantkeeper: {message}\n")
    return code


class _Parser(argparse.ArgumentParser):
    @override
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(exit_codes.USAGE, f"grantkeeper: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="grantkeeper token get",
        description="Print an access token, alone, for a mail program's password command.",
        epilog=(
            f"Exit codes: {exit_codes.TRY_AGAIN} try again; {exit_codes.UNKNOWN} no such token; "
            f"{exit_codes.UNAVAILABLE} it needs a person; {exit_codes.NOT_PERMITTED} not permitted; "
            f"{exit_codes.CONFIGURATION} credential or setting; {exit_codes.USAGE} not understood."
        ),
    )
    parser.add_argument("name", help="name or id of the token config")
    parser.add_argument("--min-validity", type=int, default=60, metavar="SECONDS", help="how long it must last (60)")
    parser.add_argument("--deadline", type=float, default=10.0, metavar="SECONDS", help="how long to wait (10)")
    parser.add_argument("--credential", metavar="FILE", help="credential file (GRANTKEEPER_CREDENTIAL)")
    return parser
