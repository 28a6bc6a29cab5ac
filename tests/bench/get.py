"""Rows 1 and 2: `get` of a usable access token against a bare echo, by latency and by replies per second."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.installation import ECHO_REPLIES, ECHO_REQUESTS, REPLIES, REQUESTS, Installation, gets
from tests.bench.load import Load
from tests.bench.report import Row, middle, milliseconds

ROUNDS = 5
SPARSE, SPARSE_GAP = 12, 0.35
ONE_AT_A_TIME = 300
FLOOD = 6_000
HALF_LOAD_SECONDS = 3.0
P50_FLOORS = {"sparse": 1.5, "one at a time": 1.3, "half load": 1.3}
P99_FLOOR = 2.0
THROUGHPUT_FLOOR = 0.8
Latencies = dict[tuple[str, str], list[list[float]]]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared."""

    name: str
    topic: str
    replies: str


OURS, ECHO = Side("ours", REQUESTS, REPLIES), Side("echo", ECHO_REQUESTS, ECHO_REPLIES)


async def measure(installation: Installation, ids: Sequence[str]) -> list[Row]:
    """Interleaved rounds; the half load is half of what the slower side can do, the same for both."""
    latencies: Latencies = defaultdict(list)
    throughput: dict[str, list[float]] = defaultdict(list)
    warm = {side.name: await _flood(installation, ids, side) for side in (ECHO, OURS)}
    rate = min(warm.values()) / 2
    for number in range(ROUNDS):
        for side in (ECHO, OURS) if number % 2 else (OURS, ECHO):
            throughput[side.name].append(await _flood(installation, ids, side))
            await _latencies(installation, ids, side, rate, latencies)
    return [*_latency_rows(latencies), _throughput_row(throughput)]


async def _flood(installation: Installation, ids: Sequence[str], side: Side) -> float:
    requests = gets(installation, ids, side.topic, FLOOD)
    async with Load(installation.bootstrap, side.topic, side.replies) as load:
        return await load.flood(requests, FLOOD)


async def _latencies(
    installation: Installation, ids: Sequence[str], side: Side, rate: float, latencies: Latencies
) -> None:
    count = SPARSE + 2 * ONE_AT_A_TIME + int(rate * HALF_LOAD_SECONDS)
    requests = gets(installation, ids, side.topic, count)
    async with Load(installation.bootstrap, side.topic, side.replies) as load:
        await load.one_at_a_time(requests, ONE_AT_A_TIME)  # connections and caches are warm after this
        latencies[side.name, "sparse"].append(await load.one_at_a_time(requests, SPARSE, SPARSE_GAP))
        latencies[side.name, "one at a time"].append(await load.one_at_a_time(requests, ONE_AT_A_TIME))
        latencies[side.name, "half load"].append(await load.at_rate(requests, rate, HALF_LOAD_SECONDS))


def _latency_rows(latencies: Latencies) -> list[Row]:
    rows = []
    for load, floor in P50_FLOORS.items():
        for share, limit, word in ((0.5, floor, "p50"), (0.99, P99_FLOOR, "p99")):
            ours, echo = (
                middle([milliseconds(round_, share) for round_ in latencies[side.name, load]]) for side in (OURS, ECHO)
            )
            rows.append(
                Row(f"get of a usable access token, {load}, {word}", ours, echo, "ms", limit, higher_is_better=False)
            )
    return rows


def _throughput_row(throughput: dict[str, list[float]]) -> Row:
    ours, echo = middle(throughput["ours"]), middle(throughput["echo"])
    return Row("replies per second of one refresher", ours, echo, "/s", THROUGHPUT_FLOOR, higher_is_better=True)
