"""Whom wrong passwords make wait, and for how long."""

import pytest

from services.console.throttle import FREE_TRIES, FREE_TRIES_OF_A_PLACE, KEPT, LONGEST_WAIT, Throttle, attempt, site
from tests.clock import FakeClock


def test_each_wrong_one_after_the_free_ones_waits_twice_as_long_up_to_the_longest() -> None:
    clock = FakeClock()
    throttle, guess, waits = Throttle(clock), attempt("anna", "192.0.2.1", None), []
    for _ in range(FREE_TRIES + 12):
        wait = throttle.take(guess)
        waits.append(wait)
        clock.advance(wait)
        if wait:
            assert throttle.take(guess) == 0
    assert waits[:FREE_TRIES] == [0] * FREE_TRIES
    assert waits[FREE_TRIES : FREE_TRIES + 4] == [1, 2, 4, 8]
    assert waits[-1] == LONGEST_WAIT


def test_a_try_counts_before_it_is_known_to_be_wrong() -> None:
    throttle, guess = Throttle(FakeClock()), attempt("anna", "192.0.2.1", None)
    assert [throttle.take(guess) > 0 for _ in range(20)] == [False] * FREE_TRIES + [True] * (20 - FREE_TRIES)


def test_a_right_password_forgets_the_wrong_ones_of_that_person_alone() -> None:
    throttle = Throttle(FakeClock())
    anna, ben = attempt("anna", "192.0.2.1", None), attempt("ben", "192.0.2.1", None)
    for _ in range(FREE_TRIES - 1):
        throttle.take(anna)
    for _ in range(FREE_TRIES):
        throttle.take(ben)
    assert throttle.take(anna) == 0
    throttle.passed(anna)
    assert [throttle.take(anna) for _ in range(FREE_TRIES)] == [0] * FREE_TRIES
    assert throttle.take(ben) > 0


def test_who_guesses_elsewhere_makes_nobody_else_wait() -> None:
    throttle = Throttle(FakeClock())
    for _ in range(100):
        throttle.take(attempt("anna", "198.51.100.9", None))
    assert throttle.take(attempt("anna", "192.0.2.1", None)) == 0


def test_a_browser_that_was_let_in_before_has_a_count_of_its_own() -> None:
    throttle, own = Throttle(FakeClock()), attempt("anna", "192.0.2.1", "b1")
    for _ in range(100):
        throttle.take(attempt("anna", "192.0.2.1", None))
    assert throttle.take(own) == 0
    for _ in range(FREE_TRIES):
        throttle.take(own)
    assert throttle.take(own) > 0
    assert throttle.take(attempt("anna", "192.0.2.1", "b2")) == 0


def test_a_list_of_names_from_one_place_has_to_wait() -> None:
    throttle = Throttle(FakeClock())
    waits = [throttle.take(attempt(f"name{number}", "192.0.2.1", None)) for number in range(FREE_TRIES_OF_A_PLACE + 2)]
    assert waits[:FREE_TRIES_OF_A_PLACE] == [0] * FREE_TRIES_OF_A_PLACE
    assert min(waits[FREE_TRIES_OF_A_PLACE:]) > 0


def test_logging_in_takes_back_that_try_of_the_place_alone() -> None:
    throttle = Throttle(FakeClock())
    for number in range(FREE_TRIES_OF_A_PLACE - 1):
        throttle.take(attempt(f"name{number}", "192.0.2.1", None))
    mine = attempt("anna", "192.0.2.1", None)
    for _ in range(10):
        assert throttle.take(mine) == 0
        throttle.passed(mine)
    throttle.take(attempt("one more", "192.0.2.1", None))
    assert throttle.take(mine) > 0


def test_memory_is_bounded_and_the_oldest_is_forgotten() -> None:
    throttle = Throttle(FakeClock())
    for _ in range(FREE_TRIES):
        throttle.take(attempt("anna", "192.0.2.1", None))
    for number in range(KEPT):
        throttle.take(attempt("anna", f"2001:db8:{number:x}::1", None))
    assert throttle.take(attempt("anna", "192.0.2.1", None)) == 0


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("no address", "no address"),
        ("", ""),
    ],
)
def test_a_place_is_what_one_sender_can_take_addresses_from(address: str, place: str) -> None:
    assert site(address) == place
