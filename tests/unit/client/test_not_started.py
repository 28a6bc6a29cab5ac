"""Who forgets to start it is told so: an error from within would send people searching in the library."""

import pytest

from grantkeeper_client import Grantkeeper
from tests.unit.client.test_credentials import CREDENTIAL


async def test_a_question_before_the_start_says_what_to_call() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await Grantkeeper(CREDENTIAL).get_access_token("Support")


async def test_what_was_never_started_can_be_stopped() -> None:
    await Grantkeeper(CREDENTIAL).stop()
