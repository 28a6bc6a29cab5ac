"""The randomised kill test in short; `make soak` kills a thousand times."""

import secrets
from pathlib import Path

import pytest

from tests.soak.run import Order, soak


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_fifty_kills_lose_no_grant_that_could_be_kept(tmp_path: Path) -> None:
    """The seed is new each time and printed, so that a failure can be played again."""
    order = Order(seed=secrets.randbelow(2**32), kills=50, grants=30)
    judgement = await soak(order, tmp_path, lambda line: print(line, flush=True))
    assert judgement.problems == (), order.command
    assert judgement.by_journal.requests > 50
