"""Rows 1 and 2: `get` of a usable access token against a bare echo, by latency, replies per second, processor time.

The design's floors are against the bare echo, which knows nothing of the contract. Beside it, without a floor, stands
an echo that carries the contract's headers and checks and makes one HMAC for each message: the difference between the
two is what any service pays for the contract.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.installation import Installation, Side, gets
from tests.bench.load import Load
from tests.bench.processor import spent_by
from tests.bench.report import Row, middle, milliseconds

ROUNDS = 5
"""Unless the environment's ROUNDS says otherwise."""
SPARSE, SPARSE_GAP = 25, 0.2
"""Requests and seconds; a p99 needs more than one round has, so these are judged over all rounds together."""
ONE_AT_A_TIME = 300
FLOOD = 6_000
HALF_LOAD_SECONDS = 3.0
IDLE_SECONDS = 3.0
P50_FLOORS = {"sparse": 1.5, "one at a time": 1.3, "half load": 1.3}
P99_FLOOR = 2.0
THROUGHPUT_FLOOR = 0.8


@dataclass(slots=True)
class Seen:
    """What all rounds brought for one side."""

    latencies: dict[str, list[list[float]]]
    throughput: list[float]
    flooded: list[float]
    """Processor time of one reply under flood, in microseconds."""
    idle: list[float]
    """Processor time of one second without requests, in milliseconds."""


async def measure(
    installation: Installation, ids: Sequence[str], ours: Side, bare: Side, contract: Side, rounds: int
) -> list[Row]:
    """Interleaved rounds; the half load is half of what the slowest side can do, the same for all."""
    sides = (bare, contract, ours)
    seen = {side.name: Seen(defaultdict(list), [], [], []) for side in sides}
    warm = [await _flood(installation, ids, side, seen[side.name]) for side in sides]
    rate = min(warm) / 2
    for side in sides:
        seen[side.name].throughput.clear()
        seen[side.name].flooded.clear()
    for number in range(rounds):
        for side in sides if number % 2 else reversed(sides):
            await _flood(installation, ids, side, seen[side.name])
            await _latencies(installation, ids, side, rate, seen[side.name])
            await _idle(side, seen[side.name])
    mine = seen[ours.name]
    return [*_rows(mine, seen[bare.name]), *_rows(mine, seen[contract.name], against=", beside the contract's echo")]


async def _flood(installation: Installation, ids: Sequence[str], side: Side, seen: Seen) -> float:
    requests = gets(installation, ids, side.topic, FLOOD)
    async with Load(installation.bootstrap, side.topic, side.replies) as load:
        with spent_by(side.pid) as spent:
            rate = await load.flood(requests, FLOOD)
    seen.throughput.append(rate)
    seen.flooded.append(spent.seconds / FLOOD * 1e6)
    return rate


async def _latencies(installation: Installation, ids: Sequence[str], side: Side, rate: float, seen: Seen) -> None:
    count = SPARSE + 2 * ONE_AT_A_TIME + int(rate * HALF_LOAD_SECONDS)
    requests = gets(installation, ids, side.topic, count)
    async with Load(installation.bootstrap, side.topic, side.replies) as load:
        await load.one_at_a_time(requests, ONE_AT_A_TIME)  # connections and caches are warm after this
        seen.latencies["sparse"].append(await load.one_at_a_time(requests, SPARSE, SPARSE_GAP))
        seen.latencies["one at a time"].append(await load.one_at_a_time(requests, ONE_AT_A_TIME))
        seen.latencies["half load"].append(await load.at_rate(requests, rate, HALF_LOAD_SECONDS))


async def _idle(side: Side, seen: Seen) -> None:
    with spent_by(side.pid) as spent:
        await asyncio.sleep(IDLE_SECONDS)
    seen.idle.append(spent.seconds / IDLE_SECONDS * 1000)


def _rows(ours: Seen, other: Seen, against: str = "") -> list[Row]:
    judged = not against
    rows = []
    for load, p50_floor in P50_FLOORS.items():
        for share, floor, word in ((0.5, p50_floor, "p50"), (0.99, P99_FLOOR, "p99")):
            mine, others = (_latency(seen, load, share) for seen in (ours, other))
            what = f"get of a usable access token, {load}, {word}{against}"
            rows.append(Row(what, mine, others, "ms", floor if judged else None, higher_is_better=False))
    floor_of_rate = THROUGHPUT_FLOOR if judged else None
    what = f"replies per second of one refresher{against}"
    rate = Row(what, middle(ours.throughput), middle(other.throughput), "/s", floor_of_rate, higher_is_better=True)
    what = f"processor time per get, flooded{against}"
    flooded = Row(what, middle(ours.flooded), middle(other.flooded), "us", None, higher_is_better=False)
    what = f"processor time per idle second{against}"
    idle = Row(what, middle(ours.idle), middle(other.idle), "ms", None, higher_is_better=False)
    return [*rows, rate, flooded, idle]


def _latency(seen: Seen, load: str, share: float) -> float:
    rounds = seen.latencies[load]
    if load == "sparse":
        rounds = [[latency for round_ in rounds for latency in round_]]
    return middle([milliseconds(round_, share) for round_ in rounds])
