"""How long to wait after a failure."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reasons import AttemptClass
from services.refresher.domain.recovery import LONGEST, SHORTEST, SLOWEST, wait_after
from tests.unit.refresher.records import failure

CHANCE = st.floats(min_value=0, max_value=1, exclude_max=True)
WAITING: tuple[AttemptClass, ...] = (
    "transient", "transient_alarm", "ambiguous", "client_fault", "config_fault", "policy"
)  # fmt: skip


@given(chance=CHANCE, failures=st.integers(min_value=1, max_value=10_000), meaning=st.sampled_from(WAITING))
def test_a_wait_is_never_nothing_and_never_without_end(chance: float, failures: int, meaning: AttemptClass) -> None:
    wait = wait_after(failure(meaning), failures, chance)
    assert wait is not None
    assert SHORTEST <= wait <= SLOWEST


@given(chance=CHANCE, failures=st.integers(min_value=1, max_value=100))
def test_a_hiccup_is_tried_again_within_five_minutes(chance: float, failures: int) -> None:
    wait = wait_after(failure("transient"), failures, chance)
    assert wait is not None
    assert wait <= LONGEST


@given(chance=CHANCE, failures=st.integers(min_value=1, max_value=100), asked=st.floats(min_value=0, max_value=3600))
def test_no_wait_is_shorter_than_the_provider_asked(chance: float, failures: int, asked: float) -> None:
    wait = wait_after(failure("transient", wait=asked), failures, chance)
    assert wait is not None
    assert wait >= timedelta(seconds=asked)


def test_no_wait_helps_where_a_person_must_log_in() -> None:
    assert wait_after(failure("reauthorization"), 1, 0.5) is None


@pytest.mark.parametrize("meaning", ["client_fault", "config_fault", "policy"])
def test_what_a_person_must_cure_is_tried_seldom(meaning: AttemptClass) -> None:
    wait = wait_after(failure(meaning), 1, 0.0)
    assert wait is not None
    assert wait >= timedelta(minutes=7)
