"""Failpoints are inert unless a hook was given."""

import subprocess
import sys

import pytest

from grantkeeper.process.failpoints import Failpoints

PROGRAM = """
import asyncio, sys
from grantkeeper.process.failpoints import Failpoints
async def main():
    failpoints = Failpoints.from_setting(sys.argv[1])
    for n in range(3):
        await failpoints.reach("somewhere.else")
        await failpoints.reach("refresher.stored")
        print(n, flush=True)
asyncio.run(main())
"""


async def test_without_a_hook_nothing_happens() -> None:
    await Failpoints().reach("refresher.stored")
    await Failpoints.from_setting(None).reach("refresher.stored")
    await Failpoints.from_setting("").reach("refresher.stored")


async def test_a_hook_hears_of_each_point() -> None:
    reached: list[str] = []

    async def note(point: str) -> None:
        reached.append(point)

    await Failpoints(note).reach("refresher.stored")
    assert reached == ["refresher.stored"]


@pytest.mark.parametrize(
    ("setting", "passages"), [("kill@refresher.stored", 0), ("kill@refresher.stored:3", 2), ("kill@elsewhere", 3)]
)
def test_the_setting_kills_at_one_passage(setting: str, passages: int) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, setting], capture_output=True, text=True, check=False)
    assert done.stdout.split() == [str(n) for n in range(passages)]
    assert done.returncode == (0 if passages == 3 else -9)


@pytest.mark.parametrize("setting", ["kill", "kill@", "kill@x:0", "sleep@x", "kill@X"])
def test_nonsense_is_refused_with_the_cure(setting: str) -> None:
    with pytest.raises(ValueError, match="kill@<point>"):
        Failpoints.from_setting(setting)
