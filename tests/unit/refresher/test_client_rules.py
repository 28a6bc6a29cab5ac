"""Clients without a server: which secret is tried, when a breaker opens, what a client's share is."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reasons import AttemptClass
from services.refresher.domain.breaker import (
    EVERYBODY,
    OPEN_LONGEST,
    OPEN_SHORTEST,
    is_trouble,
    let_in_after,
    open_for,
)
from services.refresher.domain.client_secrets import (
    AGAIN_AFTER,
    AT_MOST,
    ClientSecret,
    Tried,
    is_key,
    is_news,
    may_lead,
    offered,
    proved,
)
from services.refresher.domain.shares import DueGrants, share
from tests.unit.refresher.records import CONFIG_ID, NOW, config, failure

names = st.sampled_from(["a", "b", "c", "d"])


def secret(name: str, *, proven: bool = False, is_key: bool = False) -> ClientSecret:
    return ClientSecret(f"sealed:{name}", name, CONFIG_ID, NOW, is_key, proven)


def prints(secrets: tuple[ClientSecret, ...]) -> str:
    return "".join(one.fingerprint for one in secrets)


@pytest.mark.parametrize(
    ("known", "after"),
    [
        ((), "n"),
        ((secret("a", proven=True),), "na"),
        ((secret("b"), secret("a", proven=True)), "na"),
        ((secret("b", proven=True), secret("a", proven=True)), "nb"),
        ((secret("b"), secret("a")), "nb"),
    ],
)
def test_a_new_secret_comes_first_and_the_proven_one_stays(known: tuple[ClientSecret, ...], after: str) -> None:
    assert prints(offered(known, secret("n"))) == after


def test_the_same_secret_from_another_config_is_no_news_until_it_is_typed_again() -> None:
    known = (secret("a"),)
    assert not is_news(known, secret("a"), None)
    assert is_news(known, secret("b"), None)
    assert is_news(known, replace(secret("a"), at=NOW + AGAIN_AFTER), None)
    assert not is_news((), secret("a"), secret("a"))


def test_a_success_proves_what_was_used_and_drops_what_was_refused_before_it() -> None:
    known = (secret("new"), secret("old", proven=True))
    assert [one.proven for one in proved(known, Tried(known[0]))] == [True, True]
    assert prints(proved(known, Tried(known[1], known[0], failure("client_fault")))) == "old"
    assert prints(proved((), Tried(secret("own")))) == "own"


def test_a_proven_secret_is_not_dropped_for_one_refusal_but_tried_last_from_then_on() -> None:
    """Another process has proven it since it was tried, the provider refused it once by mistake, or it has ended."""
    known = (secret("n", proven=True), secret("o", proven=True))
    after = proved(known, Tried(known[1], secret("n"), failure("client_fault")))
    assert after == (known[1], known[0])
    assert prints(proved(after, Tried(known[0], known[1], failure("client_fault")))) == "no"
    assert prints(offered(after, secret("x"))) == "xo"


def test_a_login_is_not_lost_by_a_secret_that_somebody_mistyped_elsewhere() -> None:
    assert not may_lead(secret("n"), "a")
    assert may_lead(secret("n", proven=True), "a")
    assert may_lead(secret("n"), "n")


def test_keys_and_secrets_do_not_displace_each_other() -> None:
    """A key that signs must never be sent as a secret: each config uses its own kind."""
    known = (secret("a", proven=True), secret("b"), secret("k", is_key=True, proven=True))
    assert prints(offered(known, secret("n"))) == "nak"
    assert prints(offered(known, secret("m", is_key=True))) == "mkab"
    assert prints(proved((secret("a"), secret("b")), Tried(secret("k", is_key=True)))) == "abk"


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({}, False),
        ({"options": {"client_authentication": "basic"}}, False),
        ({"options": {"client_authentication": "private_key_jwt"}}, True),
        ({"auth_flow": "JWTBearer"}, True),
    ],
)
def test_what_signs_is_a_key(fields: dict[str, Any], *, key: bool) -> None:
    assert is_key(config(**fields)) is key


@given(st.lists(st.tuples(st.booleans(), names, names), max_size=30))
def test_there_are_never_more_than_two_and_each_once(steps: list[tuple[bool, str, str]]) -> None:
    known: tuple[ClientSecret, ...] = ()
    for is_offer, name, other in steps:
        tried = Tried(secret(name), secret(other) if other != name else None)
        known = offered(known, secret(name)) if is_offer else proved(known, tried)
        assert len(known) <= AT_MOST
        assert len({one.fingerprint for one in known}) == len(known)
        if is_offer or len(known) < AT_MOST:
            assert name in prints(known)


@pytest.mark.parametrize(
    ("meaning", "trouble"),
    [
        ("transient", True),
        ("ambiguous", True),
        ("transient_alarm", True),
        ("reauthorization", False),
        ("client_fault", False),
        ("config_fault", False),
    ],
)
def test_only_what_is_the_providers_opens_a_breaker(meaning: AttemptClass, *, trouble: bool) -> None:
    assert is_trouble(failure(meaning)) is trouble


@given(st.integers(1, 10_000), st.floats(0, 0.999999))
def test_a_breaker_is_never_open_for_longer_than_a_minute(openings: int, chance: float) -> None:
    assert OPEN_SHORTEST <= open_for(openings, chance) <= OPEN_LONGEST


def test_the_longest_wait_doubles_with_every_failed_probe() -> None:
    longest = [open_for(openings, 1.0).total_seconds() for openings in range(1, 7)]
    assert longest == [4, 8, 16, 32, 60, 60]


def test_who_was_paused_is_let_in_one_then_twice_as_many_with_every_success() -> None:
    assert [let_in_after(successes) for successes in range(6)] == [1, 2, 4, 8, 16, 32]
    assert let_in_after(1_000) == EVERYBODY


@given(st.integers(1, 10_000), st.integers(1, 1_000), st.integers(0, 20_000))
def test_every_client_has_a_share_and_shares_fit_into_the_process(in_all: int, per_client: int, clients: int) -> None:
    one = share(in_all, per_client, clients)
    assert 1 <= one <= per_client
    assert one * clients <= max(in_all, clients)


@given(st.lists(names), st.lists(names), st.integers(-3, 6))
def test_what_somebody_waits_for_is_claimed_first_each_once_and_no_more_than_fits(
    asked: list[str], due: list[str], most: int
) -> None:
    first = DueGrants("client", tuple(asked), tuple(due)).first(most)
    assert len(first) == min(max(most, 0), len({*asked, *due}))
    assert len(set(first)) == len(first)
    assert set(first) <= set(asked) or set(asked) <= set(first)
