"""The main job, end to end: what `make demo` plays, against what `make run` starts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import demo
from tests.e2e.running_stack import RunningStack, running_stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A whole stack in a folder of its own."""
    folder: Path = tmp_path_factory.mktemp("story")
    with running_stack(folder) as running:
        yield running


@pytest.mark.timeout(180)
def test_a_token_is_added_used_refreshed_lost_told_and_cured(stack: RunningStack) -> None:
    said: list[str] = []
    demo.play(stack.layout, said.append)
    assert len(said) == len(demo.STEPS) + 1, "\n".join(said)
