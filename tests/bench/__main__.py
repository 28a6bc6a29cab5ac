"""`make bench`: the product against bare libraries in the same run; WHAT=get|refresh|counted chooses, default all."""

import os
import sys
import tempfile
from pathlib import Path

import uvloop

from tests.bench import counted, get, refresh
from tests.bench.installation import REPLIES, REQUESTS, Installation, Side, echo, gets, make_tokens, running
from tests.bench.load import Load
from tests.bench.report import HEADER, Row

TOKENS = 1_000
ASKED = 100
"""How many different tokens are asked for."""


async def bench(installation: Installation, what: str) -> bool:
    """Print every row; tells whether all floors hold."""
    print(f"preparing {TOKENS:,} tokens ...", flush=True)
    ids = await make_tokens(installation, TOKENS)
    lines: list[Row | counted.Count] = []
    if what in {"counted", "all"}:
        lines += await counted.measure(installation, ids[:ASKED])
    if what in {"get", "all"}:
        lines += await _gets(installation, ids[:ASKED])
    if what in {"refresh", "all"}:
        lines += await refresh.measure(installation, TOKENS)
    print(HEADER)
    for line in lines:
        print(line.line(), flush=True)
    return all(line.met for line in lines)


async def _gets(installation: Installation, ids: list[str]) -> list[Row]:
    reply = await _usual_reply(installation, ids[:1])
    async with (
        echo(installation, "echo", ids, reply) as bare,
        echo(installation, "contract-echo", ids, reply, "--contract") as contract,
    ):
        ours = Side("ours", REQUESTS, REPLIES, installation.refresher)
        return await get.measure(installation, ids, ours, bare, contract)


async def _usual_reply(installation: Installation, ids: list[str]) -> bytes:
    """A reply of the product, so that the echo sends as many bytes."""
    async with Load(installation.bootstrap, REQUESTS, REPLIES) as load:
        await load.one_at_a_time(gets(installation, ids, REQUESTS, 1), 1)
        return load.last_reply


def main() -> None:
    """Run it; exit code 1 where a floor is missed."""
    what = os.environ.get("WHAT", "all")
    with tempfile.TemporaryDirectory(prefix="grantkeeper-bench-") as folder, running(Path(folder)) as installation:
        met = uvloop.run(bench(installation, what))
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
