"""Slots: how many calls of a client run at a time, while the limit changes."""

import asyncio
from collections import Counter
from typing import cast

import pytest

from services.refresher.clients import Clients
from services.refresher.settings import AttemptSettings
from services.refresher.slots import Slots


class LetIn:
    """A client that is let in step by step."""

    def __init__(self, most: int) -> None:
        self.most = most

    def let_in(self, _client: str) -> int:
        return self.most


def slots(gate: LetIn, per_client: int = 50) -> Slots:
    return Slots(AttemptSettings(max_per_client=per_client), cast("Clients", gate))


async def calls(one: Slots, client: str, number: int, running: Counter[str], peak: Counter[str]) -> None:
    async def call() -> None:
        async with one.slot(client):
            running[client] += 1
            peak[client] = max(peak[client], running[client])
            for _ in range(5):
                await asyncio.sleep(0)
            running[client] -= 1

    await asyncio.gather(*(call() for _ in range(number)))


async def test_no_client_makes_more_calls_than_its_limit_and_none_waits_for_another() -> None:
    one, running, peak = slots(LetIn(1_000), per_client=7), Counter[str](), Counter[str]()
    await asyncio.gather(calls(one, "a", 40, running, peak), calls(one, "b", 3, running, peak))
    assert peak == {"a": 7, "b": 3}


async def test_a_limit_that_rises_lets_waiting_calls_begin() -> None:
    gate, running, peak = LetIn(1), Counter[str](), Counter[str]()
    one = slots(gate)

    async def raised() -> None:
        async with one.slot("a"):
            gate.most = 4

    await raised()
    await calls(one, "a", 20, running, peak)
    assert peak["a"] == 4


async def test_a_share_is_halved_when_another_client_comes() -> None:
    one = Slots(AttemptSettings(max_in_flight=10, max_per_client=10), cast("Clients", LetIn(1_000)))
    one.share_among(1)
    assert one.limit("a") == 10
    one.share_among(2)
    assert one.limit("a") == 5
    one.share_among(100)
    assert one.limit("a") == 1


async def test_a_call_that_is_cancelled_while_it_waits_leaves_its_place_to_the_next() -> None:
    one = slots(LetIn(1))

    async def waits() -> None:
        async with one.slot("a"):
            pytest.fail("its turn never comes")

    async with one.slot("a"):
        waiting = asyncio.create_task(waits())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    async with asyncio.timeout(1), one.slot("a"):
        pass


async def test_a_slot_that_was_freed_early_is_not_freed_twice() -> None:
    one, running, peak = slots(LetIn(2)), Counter[str](), Counter[str]()
    async with one.slot("a") as slot:
        slot.free()
        slot.free()
    await calls(one, "a", 9, running, peak)
    assert peak["a"] == 2
