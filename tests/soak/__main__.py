"""`make soak`: kill refreshers at random instants and let the provider judge; exit code 1 where anything was lost."""

import asyncio
import logging
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import structlog
import typer

from tests.soak.run import Order, soak


def main(
    seed: Annotated[int | None, typer.Option(help="Of a run that is to be repeated; default: a new one.")] = None,
    kills: Annotated[int, typer.Option(help="How many processes die.", min=1)] = 1000,
    grants: Annotated[int, typer.Option(help="In each of the two realms.", min=1)] = 500,
    processes: Annotated[int, typer.Option(help="Refreshers at a time.", min=2)] = 3,
) -> None:
    """Kill refreshers at random instants and let the provider's journal say what it cost."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    order = Order(secrets.randbelow(2**32) if seed is None else seed, kills, grants, processes)
    folder = Path(tempfile.mkdtemp(prefix="grantkeeper-soak-"))
    print(f"logs in {folder}", flush=True)
    judgement = asyncio.run(soak(order, folder, lambda line: print(line, flush=True)))
    for problem in judgement.problems:
        print(f"PROBLEM {problem}")
    print("verdict: nothing lost that could be kept" if not judgement.problems else f"verdict: {order.command} failed")
    sys.exit(1 if judgement.problems else 0)


if __name__ == "__main__":
    typer.run(main)
