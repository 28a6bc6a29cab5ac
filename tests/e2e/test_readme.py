"""A newcomer types what README.md shows, in its order, and sees what README.md shows."""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.running_stack import RunningStack, running_stack

ROOT = Path(__file__).resolve().parents[2]
START = "make run"
DEADLINE = 120  # seconds for one block


@dataclass(frozen=True, slots=True)
class Block:
    """One ```console block: what is typed, and what is shown under it."""

    commands: list[str]
    output: list[str]


def blocks() -> list[Block]:
    found = []
    for text in re.findall(
        r"^```console\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    ):
        lines = text.splitlines()
        typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        found.append(Block(typed, [line for line in lines if not line.startswith("$ ")]))
    return found


def shape(line: str) -> str:
    """A line without what differs from run to run: ids, times, ports, the width of columns."""
    without_ids = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=Demo )[0-9a-f]{6}", "ID", line)
    return re.sub(r"\s+", " ", re.sub(r"\d+", "N", without_ids)).strip()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """What the first block starts."""
    with running_stack(tmp_path_factory.mktemp("readme"), command=START.split()) as running:
        yield running


def test_the_first_block_starts_everything_and_says_where(stack: RunningStack) -> None:
    first = blocks()[0]
    assert first.commands == [START]
    said = [shape(line) for line in stack.said().splitlines()]
    promised = [shape(line) for line in first.output if not re.match(r"\.\.\.|packages|Kafka|console", line)]
    assert [line for line in promised if line not in said] == []


@pytest.mark.long
@pytest.mark.timeout(240)
def test_every_other_block_works_and_shows_what_it_shows(stack: RunningStack) -> None:
    layout = stack.layout
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "GRANTKEEPER_DATA": str(layout.data),
        "PORT_BASE": str(layout.port_base),
        "COLUMNS": "200",
    }
    others = [block for block in blocks() if block.commands != [START]]
    assert ["make demo"] in [block.commands for block in others]
    for block in others:
        script = "set -e\n" + "\n".join(block.commands)
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert [shape(line) for line in done.stdout.splitlines()] == [shape(line) for line in block.output]
