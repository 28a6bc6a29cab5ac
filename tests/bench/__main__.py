"""`make bench`: the product against bare libraries in the same run; default all.

WHAT=get|refresh|event|counted|takeover|start|import|console|hang|fleet|tick chooses, SCALE=0.1 makes the last five
smaller, ROUNDS=2 makes `get` shorter.
"""

import os
import sys
import tempfile
from pathlib import Path

import uvloop

from tests.bench import console, counted, event, fleet, get, hang, imports, refresh, start, takeover, tick
from tests.bench.installation import REPLIES, REQUESTS, Installation, Side, echo, gets, make_tokens, running
from tests.bench.load import Load
from tests.bench.report import HEADER, Row

TOKENS = 1_000
"""How many are refreshed at once."""
CONFIGS, DUE, GRANTS = 10_000, 10_000, 1_000_000
ASKED = 100
"""How many different tokens are asked for."""


async def bench(installation: Installation, what: str, scale: float) -> list[Row | counted.Count]:
    """Measure what needs a running product."""
    lines: list[Row | counted.Count] = []
    ids: list[str] = []
    if what in {"counted", "event", "get", "refresh", "takeover", "all"}:
        count = ASKED if what in {"event", "get", "takeover"} else TOKENS
        print(f"preparing {count:,} tokens ...", flush=True)
        ids += await make_tokens(installation, count)
    if what in {"counted", "all"}:
        lines += await counted.measure(installation, ids[:ASKED])
    if what in {"get", "all"}:
        lines += await _gets(installation, ids[:ASKED])
    if what in {"event", "all"}:
        lines += await event.measure(installation, ids[:ASKED])
    if what in {"refresh", "all"}:
        lines += await refresh.measure(installation, TOKENS)
    if what in {"hang", "all"}:
        lines += await hang.measure(installation, int(DUE * scale))
    if what in {"fleet", "all"}:
        lines += await fleet.measure(installation, int(DUE * scale))
    if what in {"console", "all"}:
        lines += await console.measure(installation, int(DUE * scale))
    if what in {"takeover", "all"}:
        lines += await takeover.measure(installation, ids[:ASKED], await _usual_reply(installation, ids[:1]))
    return lines


async def _gets(installation: Installation, ids: list[str]) -> list[Row]:
    reply = await _usual_reply(installation, ids[:1])
    async with (
        echo(installation, "echo", ids, reply) as bare,
        echo(installation, "contract-echo", ids, reply, "--contract") as contract,
    ):
        ours = Side("ours", REQUESTS, REPLIES, installation.refresher)
        rounds = int(os.environ.get("ROUNDS", get.ROUNDS))
        return await get.measure(installation, ids, ours, bare, contract, rounds)


async def _usual_reply(installation: Installation, ids: list[str]) -> bytes:
    """A reply of the product, so that the echo sends as many bytes."""
    async with Load(installation.bootstrap, REQUESTS, REPLIES) as load:
        await load.one_at_a_time(gets(installation, ids, REQUESTS, 1), 1)
        return load.last_reply


def main() -> None:
    """Run it; exit code 1 where a floor is missed."""
    what, scale = os.environ.get("WHAT", "all"), float(os.environ.get("SCALE", "1"))
    lines: list[Row | counted.Count] = []
    with tempfile.TemporaryDirectory(prefix="grantkeeper-bench-") as folder:
        if what in {"tick", "all"}:
            lines += tick.measure(Path(folder), int(GRANTS * scale))
        if what in {"start", "all"}:
            lines += start.measure(Path(folder) / "start")
        if what in {"import", "all"}:
            with running(Path(folder) / "import", ("config_service",)) as installation:
                lines += uvloop.run(imports.measure(installation, int(CONFIGS * scale)))
        if what not in {"tick", "start", "import"}:
            with running(Path(folder)) as installation:
                lines += uvloop.run(bench(installation, what, scale))
    print(HEADER)
    for line in lines:
        print(line.line(), flush=True)
    sys.exit(0 if all(line.met for line in lines) else 1)


if __name__ == "__main__":
    main()
