"""When a record is due, and what its holder then does."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.refresher.domain.grant import failed, revoked, settled
from services.refresher.domain.record import DeviceLogin, Waiter, Wish
from services.refresher.domain.schedule import (
    ExchangeCode,
    Mint,
    PollDevice,
    Purge,
    Refresh,
    Revoke,
    Settle,
    lead_of,
    needed,
    next_due,
    next_refresh_at,
    plan,
    refresh_at,
    share_of,
)
from tests.unit.refresher.records import HOUR, NOW, ORIGIN, URL, changed, event, failure, granted, new, with_options

MINUTE = timedelta(minutes=1)


def wish(kind: str) -> Wish:
    return Wish(id=f"{kind}:1", kind=kind, actor="admin", generation=1)  # type: ignore[arg-type] # one of the kinds


@pytest.mark.parametrize(
    ("life", "lead"),
    [
        (HOUR, 5 * MINUTE),
        (10 * MINUTE, 2 * MINUTE),
        (timedelta(seconds=30), timedelta(seconds=10)),
        (timedelta(seconds=12), timedelta(seconds=6)),
        (timedelta(days=30), 5 * MINUTE),
    ],
)
def test_the_reserve_is_a_fifth_of_the_lifetime_within_bounds(life: timedelta, lead: timedelta) -> None:
    assert lead_of(life) == lead


def test_a_refresh_is_due_between_half_of_the_lifetime_and_the_reserve() -> None:
    at = refresh_at(granted())
    assert at is not None
    assert NOW + HOUR / 2 - 5 * MINUTE <= at <= NOW + HOUR - 5 * MINUTE


def test_ten_thousand_grants_of_one_minute_fall_due_at_less_than_twice_the_mean_rate() -> None:
    record = granted()
    ids = [f"01900000-0000-7000-8000-{number:012x}" for number in range(10_000)]
    times = [refresh_at(replace(record, config_id=config_id)) for config_id in ids]
    offsets = [(at - NOW).total_seconds() for at in times if at is not None]
    per_minute = [sum(1 for offset in offsets if offset // 60 == minute) for minute in range(60)]
    mean = len(offsets) / (sum(offsets) / len(offsets) / 60)
    assert max(per_minute) <= 2 * mean


def test_the_spread_belongs_to_the_config() -> None:
    assert share_of("a") == share_of("a")
    assert share_of("a") != share_of("b")


def test_a_margin_that_an_admin_set_is_kept_to_the_second() -> None:
    record = with_options(granted(), refresh_margin=30)
    assert refresh_at(record) == NOW + HOUR - timedelta(seconds=30)


def test_a_margin_longer_than_the_lifetime_does_not_refresh_without_end() -> None:
    record = with_options(granted(), refresh_margin=86_400)
    assert refresh_at(record) == NOW + HOUR * 0.2


def test_an_idle_grant_is_kept_alive_while_a_config_is_off_for_a_time() -> None:
    record = changed(granted(), event(2, validity="invalid-temporarily"))
    assert refresh_at(record) == NOW + timedelta(days=7)
    assert refresh_at(with_options(record, keep_alive_days=3)) == NOW + timedelta(days=3)
    assert refresh_at(with_options(record, refresh_token_idle_days=4)) == NOW + timedelta(days=2)
    assert plan(record, NOW + timedelta(days=7)) == Refresh()
    short = replace(record, grant=replace(record.grant, refresh_token_expires_at=NOW + timedelta(minutes=30)))
    assert refresh_at(short) == NOW + timedelta(minutes=15)


@pytest.mark.parametrize("fields", [{"validity": "invalid"}, {"deleted": True}])
def test_what_is_off_is_never_due(fields: dict[str, Any]) -> None:
    record = changed(granted(), event(2, **fields))
    assert next_due(record, NOW) is None
    assert plan(record, NOW + 2 * HOUR) == Settle()


@pytest.mark.parametrize("fields", [{"validity": "invalid"}, {"deleted": True}])
def test_a_device_login_of_what_went_off_is_due_so_that_it_ends(fields: dict[str, Any]) -> None:
    device = DeviceLogin("d", "code", "A-B", URL, None, ORIGIN, "mail", "admin", 5, NOW + MINUTE, NOW + HOUR)
    record = replace(changed(granted(), event(2, **fields)), device=device)
    assert next_due(record, NOW) == NOW + MINUTE
    assert plan(record, NOW + MINUTE) == PollDevice(device)


def test_passing_the_end_of_the_access_token_is_a_due_time_of_its_own() -> None:
    record = failed(granted(), failure("transient", wait=3600.0), NOW + 50 * MINUTE, 0.5)
    assert next_due(record, NOW + 50 * MINUTE) == NOW + HOUR


def test_a_wait_for_the_provider_is_obeyed_even_when_somebody_asks() -> None:
    record = failed(granted(), failure("transient", wait=600.0), NOW, 0.5)
    record = replace(record, waiters=(Waiter("mail:1", {}),))
    assert plan(record, NOW + MINUTE) == Settle()
    assert plan(record, NOW + 11 * MINUTE) == Refresh()
    assert next_due(record, NOW) == NOW + 10 * MINUTE


def test_an_admin_who_asks_does_not_wait() -> None:
    record = failed(granted(), failure("transient", wait=600.0), NOW, 0.5)
    assert plan(replace(record, wishes=(wish("refresh"),)), NOW) == Refresh()


def test_a_lease_that_was_lost_is_followed_by_a_refresh_at_once() -> None:
    record = granted()
    lost = replace(record, grant=replace(record.grant, unknown=1))
    assert plan(lost, NOW) == Refresh()
    assert next_due(lost, NOW) == NOW


def test_wishes_are_carried_out_in_their_order() -> None:
    complete, revoke = wish("complete"), wish("revoke")
    assert plan(replace(granted(), wishes=(complete, revoke)), NOW) == ExchangeCode(complete)
    assert plan(replace(granted(), wishes=(revoke,)), NOW) == Revoke(revoke)
    assert plan(replace(granted(), wishes=(complete,), purged=True), NOW) == Purge()


def test_a_forced_refresh_of_what_cannot_be_refreshed_is_settled() -> None:
    assert plan(replace(new(), wishes=(wish("refresh"),)), NOW) == Settle()
    assert plan(replace(revoked(granted()), wishes=(wish("refresh"),)), NOW) == Settle()


def test_client_credentials_are_minted_as_soon_as_they_are_configured() -> None:
    record = new(auth_flow="ClientCredentials")
    assert record.due == NOW
    assert plan(record, NOW) == Mint()


def test_nobody_is_asked_for_a_refresh_where_there_is_no_refresh_token() -> None:
    record = granted(refresh_token=False)
    assert next_refresh_at(record, NOW) is None
    assert next_due(record, NOW) == NOW + HOUR


def test_the_end_of_a_secret_is_announced_in_stages() -> None:
    record = with_options(granted(), client_secret_ends=date(2030, 3, 1), refresh_margin=5)
    moments = []
    for days in (0, 40, 50, 55, 58):
        now = NOW + timedelta(days=days)
        idle = replace(record, grant=replace(record.grant, obtained_at=now, expires_at=now + timedelta(days=90)))
        moments.append(next_due(idle, now))
    last = datetime(2030, 3, 1, tzinfo=UTC)
    assert moments[0] == NOW + timedelta(days=7)
    assert last - timedelta(days=14) in moments
    assert last - timedelta(days=7) in moments
    assert last - timedelta(days=1) in moments


def test_no_request_can_ask_for_more_than_half_of_a_lifetime() -> None:
    assert needed(NOW, NOW + HOUR, 60) == MINUTE
    assert needed(NOW, NOW + HOUR, 86_400) == HOUR / 2


def test_a_purged_record_is_due_at_once() -> None:
    record = settled(replace(granted(), purged=True, deleted=True), NOW)
    assert record.due == NOW


REPORT = Wish("report_rejected:1", "report_rejected", "mail", 1)


def test_a_report_waits_for_the_allowed_moment_and_is_one_forced_refresh() -> None:
    waiting = failed(granted(), failure("transient", wait=30.0), NOW, 0.5)
    reported = replace(waiting, wishes=(REPORT,))
    allowed = NOW + timedelta(seconds=30)
    assert (plan(reported, NOW), next_due(reported, NOW)) == (Settle(), allowed)
    assert (plan(reported, allowed), next_due(reported, allowed)) == (Refresh(), allowed)


def test_an_admin_who_refreshes_does_not_wait() -> None:
    waiting = failed(granted(), failure("transient", wait=30.0), NOW, 0.5)
    asked = replace(waiting, wishes=(wish("refresh"),))
    assert (plan(asked, NOW), next_due(asked, NOW)) == (Refresh(), NOW)


@pytest.mark.parametrize("kind", ["refresh", "report_rejected"])
def test_a_wish_of_another_generation_is_settled_and_never_sent(kind: str) -> None:
    renewed = replace(granted(), wishes=(wish(kind),))
    renewed = replace(renewed, grant=replace(renewed.grant, generation=2))
    assert (plan(renewed, NOW), next_due(renewed, NOW)) == (Settle(), NOW)


def test_a_report_about_a_config_that_went_off_is_settled() -> None:
    off = replace(changed(granted(), event(2, validity="invalid")), wishes=(REPORT,))
    assert (plan(off, NOW), next_due(off, NOW)) == (Settle(), NOW)


def test_a_login_does_not_wait_behind_a_report() -> None:
    record = replace(granted(), wishes=(REPORT, wish("complete")))
    assert plan(record, NOW) == ExchangeCode(wish("complete"))
