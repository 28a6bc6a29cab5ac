"""How long to wait after a failure, and which refresh token is worth another try."""

from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reasons import AttemptClass
from schemas.token_config import RotationRule
from services.refresher.domain.record import Grant
from services.refresher.domain.recovery import (
    LONGEST,
    ROTATIONS,
    SHORTEST,
    SLOWEST,
    Verdict,
    after_refusal,
    to_send,
    wait_after,
)
from tests.unit.refresher.records import failure

CHANCE = st.floats(min_value=0, max_value=1, exclude_max=True)
WAITING: tuple[AttemptClass, ...] = (
    "transient", "transient_alarm", "ambiguous", "client_fault", "config_fault", "policy"
)  # fmt: skip


@given(chance=CHANCE, failures=st.integers(min_value=1, max_value=10_000), meaning=st.sampled_from(WAITING))
def test_a_wait_is_never_nothing_and_never_without_end(chance: float, failures: int, meaning: AttemptClass) -> None:
    wait = wait_after(failure(meaning), failures, chance)
    assert SHORTEST <= wait <= SLOWEST


@given(chance=CHANCE, failures=st.integers(min_value=1, max_value=100))
def test_a_hiccup_is_tried_again_within_five_minutes(chance: float, failures: int) -> None:
    wait = wait_after(failure("transient"), failures, chance)
    assert wait <= LONGEST


@given(chance=CHANCE, failures=st.integers(min_value=1, max_value=100), asked=st.floats(min_value=0, max_value=3600))
def test_no_wait_is_shorter_than_the_provider_asked(chance: float, failures: int, asked: float) -> None:
    wait = wait_after(failure("transient", wait=asked), failures, chance)
    assert wait >= timedelta(seconds=asked)


@pytest.mark.parametrize("meaning", ["client_fault", "config_fault", "policy", "reauthorization"])
def test_what_a_person_must_cure_is_tried_seldom(meaning: AttemptClass) -> None:
    wait = wait_after(failure(meaning), 1, 0.0)
    assert wait >= timedelta(minutes=7)


UNKNOWN = Grant(state="authorized", refresh_token="new", previous_refresh_token="old", unknown=1)
FIRST = Grant(state="authorized", refresh_token="new", unknown=1)
FELL_BACK = Grant(state="authorized", refresh_token="new", previous_refresh_token="old", unknown=1, falls_back=True)


def test_every_rotation_rule_has_its_row() -> None:
    assert set(ROTATIONS) == set(get_args(RotationRule))


@pytest.mark.parametrize(
    ("rule", "grant", "verdict"),
    [
        ("none", UNKNOWN, "try_previous"),
        ("none", FIRST, "ended"),
        ("none", FELL_BACK, "ended"),
        ("replace", UNKNOWN, "try_previous"),
        ("replace", FIRST, "lost_rotation"),
        ("replace", FELL_BACK, "lost_rotation"),
        ("grace", UNKNOWN, "lost_rotation"),
        ("grace", FIRST, "lost_rotation"),
        ("strict", UNKNOWN, "lost_rotation"),
        ("strict", FIRST, "lost_rotation"),
    ],
)
def test_a_refusal_after_an_unknown_outcome_is_judged_by_the_rotation_rule(
    rule: RotationRule, grant: Grant, verdict: Verdict
) -> None:
    assert after_refusal(grant, rule) == verdict


@pytest.mark.parametrize("rule", get_args(RotationRule))
def test_a_refusal_where_every_outcome_is_known_ends_the_grant(rule: RotationRule) -> None:
    known = Grant(state="authorized", refresh_token="new", previous_refresh_token="old")
    assert after_refusal(known, rule) == "ended"


def test_the_previous_refresh_token_is_sent_only_after_the_stored_one_was_refused() -> None:
    assert [to_send(grant) for grant in (UNKNOWN, FIRST, FELL_BACK)] == ["new", "new", "old"]
