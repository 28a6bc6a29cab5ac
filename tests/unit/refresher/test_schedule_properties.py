"""What holds of due times for every grant and every fleet."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.refresher.domain.grant import failed, refreshed, settled
from services.refresher.domain.record import Record
from services.refresher.domain.schedule import (
    SOONEST,
    lead_of,
    next_due,
    next_refresh_at,
    refresh_at,
    same_again_until,
    wanted_from,
)
from tests.unit.refresher.records import NOW, failure, granted, issued, with_options

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
BUCKETS = 20

lifetimes = st.integers(1, 365 * 86_400).map(lambda seconds: timedelta(seconds=seconds))
usual_lifetimes = st.integers(600, 86_400).map(lambda seconds: timedelta(seconds=seconds))
config_ids = st.uuids().map(str)
margins = st.one_of(st.none(), st.integers(1, 86_400))


def fleet(life: timedelta, size: int, salt: int) -> list[Record]:
    record = granted(life=life)
    return [replace(record, config_id=f"{salt:08x}-0000-7000-8000-{number:012x}") for number in range(size)]


def due_times(records: Sequence[Record]) -> list[datetime]:
    return [at for at in (refresh_at(record) for record in records) if at is not None]


@given(usual_lifetimes, st.integers(0, 2**31), st.integers(1_000, 3_000))
def test_grants_that_were_imported_at_once_never_peak_above_twice_their_mean(
    life: timedelta, salt: int, size: int
) -> None:
    """The mean is that of an even load: the fleet over the time until the last one is due."""
    times = due_times(fleet(life, size, salt))
    whole = (max(times) - NOW) / BUCKETS
    loads = Counter(int((at - NOW) / whole) for at in times)
    # Chance moves a bucket's load by a few roots of it; the rule is about the rest.
    mean = size / BUCKETS
    assert max(loads.values()) <= 2 * mean + 4 * (2 * mean) ** 0.5


@given(lifetimes, config_ids, margins)
def test_a_refresh_is_due_before_the_end_and_after_the_beginning(
    life: timedelta, config_id: str, margin: int | None
) -> None:
    record = with_options(replace(granted(life=life), config_id=config_id), refresh_margin=margin)
    at = refresh_at(record)
    assert at is not None
    assert NOW < at <= max(NOW + life, NOW + SOONEST)


@given(lifetimes, config_ids)
def test_the_reserve_for_retries_is_kept(life: timedelta, config_id: str) -> None:
    at = refresh_at(replace(granted(life=life), config_id=config_id))
    assert at is not None
    if life >= 2 * SOONEST:
        assert at <= NOW + life - lead_of(life)


@given(usual_lifetimes, config_ids, st.integers(0, 86_400).map(lambda seconds: timedelta(seconds=seconds)))
def test_what_is_alive_is_looked_at_before_it_ends(life: timedelta, config_id: str, later: timedelta) -> None:
    record = replace(granted(life=life), config_id=config_id)
    now = NOW + later
    due = next_due(record, now)
    assert due is not None
    assert due <= max(now, NOW + life)


@given(lifetimes, config_ids)
def test_due_times_are_the_same_in_every_process(life: timedelta, config_id: str) -> None:
    one, other = (refresh_at(replace(granted(life=life), config_id=config_id)) for _ in range(2))
    assert one == other


@given(st.integers(1, 90), st.integers(1, 90))
def test_an_idle_grant_is_used_within_the_window_of_its_provider(idle_days: int, life_days: int) -> None:
    record = with_options(granted(life=life_days * DAY), refresh_token_idle_days=idle_days)
    at = refresh_at(record)
    assert at is not None
    assert at <= NOW + idle_days * DAY / 2


@given(st.integers(1, 7_200), st.integers(60, 7_200), config_ids)
def test_the_providers_wish_is_not_outrun_where_the_reserve_allows(refresh_in: int, life: int, config_id: str) -> None:
    end = NOW + life * SECOND
    renew_at = wanted_from(refresh_in, NOW, end)
    record = replace(granted(life=life * SECOND, renew_at=renew_at), config_id=config_id)
    at = refresh_at(record)
    assert at is not None
    assert min(NOW + refresh_in * SECOND, end - lead_of(life * SECOND)) <= at < end


@given(st.integers(1, 3_600), config_ids)
def test_a_provider_that_returns_the_same_access_token_is_asked_only_a_few_times(left: int, config_id: str) -> None:
    """It is at its own end `left` seconds from now, whatever is asked."""
    end, now = NOW + left * SECOND, NOW
    record = replace(granted(at=NOW - 3_600 * SECOND, life=3_600 * SECOND + left * SECOND), config_id=config_id)
    asked = 0
    while now < end:
        again = same_again_until(record.grant, now, end)
        assert again is not None
        record = settled(refreshed(record, issued(2, at=now, life=end - now, renew_at=again)), now)
        at = refresh_at(record)
        assert at is not None
        asked, now = asked + 1, at
    assert asked <= 2 + left.bit_length()


@given(st.lists(st.sampled_from(["transient", "transient_alarm"]), min_size=1, max_size=12), st.floats(0, 0.999))
def test_every_failure_is_followed_by_another_try(kinds: list[str], chance: float) -> None:
    record, now = granted(), NOW + timedelta(minutes=55)
    for kind in kinds:
        record = settled(failed(record, failure(kind), now, chance), now)  # type: ignore[arg-type] # one of the classes
        upcoming = next_refresh_at(record, now)
        assert upcoming is not None
        assert now < upcoming <= now + timedelta(minutes=15)
        now = upcoming
