"""The pause between two tries: bounded above and below, growing, whatever the chance."""

from hypothesis import given
from hypothesis import strategies as st

from grantkeeper.bus.backoff import FIRST, LONGEST, backoff

chances = st.floats(min_value=0, max_value=1, exclude_max=True)


@given(st.integers(min_value=0, max_value=10**9), chances)
def test_a_pause_is_neither_a_hot_loop_nor_a_standstill(attempt: int, chance: float) -> None:
    assert FIRST * 0.1 <= backoff(attempt, chance) <= LONGEST


@given(st.integers(min_value=0, max_value=100), chances)
def test_pauses_of_the_same_chance_never_shrink(attempt: int, chance: float) -> None:
    assert backoff(attempt, chance) <= backoff(attempt + 1, chance)
