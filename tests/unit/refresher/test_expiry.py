"""Which expiry events a transition yields, and that each cause is told once."""

from dataclasses import replace
from datetime import date, timedelta

from schemas.expiry_events import ConfigWentOff, ExpiryRecovered, ExpiryReported
from services.refresher.domain.expiry import LEFT_ALONE, PATIENCE, ExpiryEvent, expiry_events
from services.refresher.domain.grant import authorized, failed, quarantined, refreshed, settled, shared
from services.refresher.domain.record import Record
from tests.unit.refresher.records import HOUR, NOW, Login, changed, event, failure, granted, issued, new, with_options

LATER = NOW + 2 * HOUR


def kinds(events: tuple[ExpiryEvent, ...]) -> list[str]:
    return [one.kind for one in events if isinstance(one, ExpiryReported)]


def told_after(record: Record, now: timedelta = timedelta()) -> tuple[dict[str, str], tuple[ExpiryEvent, ...]]:
    return expiry_events(record.told, settled(record, NOW + now), NOW + now)


def test_an_access_token_that_ends_while_refreshing_fails_is_told_once_until_it_is_back() -> None:
    broken = failed(granted(NOW - 2 * HOUR), failure("transient"), NOW, 0.5)
    told, events = told_after(broken)
    assert kinds(events) == ["expired_token"]
    again, nothing = told_after(replace(broken, told=told))
    assert (again, nothing) == (told, ())
    back, recovered = told_after(replace(refreshed(broken, issued(2)), told=told))
    assert back == {}
    assert isinstance(recovered[0], ExpiryRecovered)
    assert recovered[0].causes == (f"{broken.config_id}:expired_token",)


def test_an_access_token_that_just_ended_is_not_told_before_an_attempt_failed() -> None:
    assert told_after(granted(NOW - 2 * HOUR)) == ({}, ())


def test_an_access_token_that_ends_while_its_provider_is_left_alone_is_told_until_it_is_back() -> None:
    over = settled(granted(NOW - 2 * HOUR), NOW)
    told, events = expiry_events({}, over, NOW, untried=PATIENCE)
    assert kinds(events) == ["expired_token"]
    assert [one.text for one in events if isinstance(one, ExpiryReported)] == [PATIENCE]
    assert expiry_events(told, replace(over, told=told), NOW) == (told, ()), "whoever writes it next"
    assert expiry_events({}, over, NOW, client_faulty=True, untried=LEFT_ALONE) == ({}, ())
    back, recovered = told_after(replace(refreshed(over, issued(2)), told=told))
    assert (back, type(recovered[0])) == ({}, ExpiryRecovered)


def test_an_end_of_refreshing_is_told_with_the_switches_of_the_config() -> None:
    dead = failed(granted(), failure("reauthorization"), NOW, 0.5)
    told, events = told_after(dead)
    assert told == {"expired_refresh_token": "open"}
    assert isinstance(events[0], ExpiryReported)
    assert events[0].notify_expired_refresh_token
    assert events[0].text == "it is broken"


def test_a_lost_rotation_is_told_in_its_place() -> None:
    lost = failed(failed(granted(), failure("ambiguous"), NOW, 0.5), failure("reauthorization"), NOW, 0.5)
    assert kinds(told_after(lost)[1]) == ["lost_rotation"]


def test_the_fault_of_a_client_is_not_told_once_more_for_each_of_its_configs() -> None:
    broken = settled(failed(granted(NOW - 2 * HOUR), failure("transient"), NOW, 0.5), NOW)
    assert kinds(expiry_events({}, broken, NOW)[1]) == ["expired_token"]
    assert expiry_events({}, broken, NOW, client_faulty=True) == ({}, ())


def test_nobody_is_told_of_a_config_without_login_in_its_first_hour() -> None:
    assert told_after(new()) == ({}, ())
    assert kinds(told_after(new(), HOUR)[1]) == ["never_authorized"]


def test_a_config_that_goes_off_settles_all_its_causes_at_once() -> None:
    dead = failed(granted(), failure("reauthorization"), NOW, 0.5)
    off = replace(changed(dead, event(2, validity="invalid")), told={"expired_refresh_token": "open"})
    told, events = told_after(off)
    assert told == {}
    assert [type(one) for one in events] == [ConfigWentOff]
    assert told_after(replace(off, told={})) == ({}, ())


def test_the_end_of_a_secret_is_told_anew_at_each_stage() -> None:
    record = with_options(granted(), client_secret_ends=date(2030, 1, 21))
    told, events = told_after(record)
    assert (told, kinds(events)) == ({"client_secret_ends": "30"}, ["client_secret_ends"])
    told, events = told_after(replace(record, told=told), timedelta(days=7))
    assert (told["client_secret_ends"], "client_secret_ends" in kinds(events)) == ("14", True)
    assert "client_secret_ends" not in kinds(told_after(replace(record, told=told), timedelta(days=8))[1])


def test_a_login_of_an_app_in_testing_mode_is_told() -> None:
    ends = NOW + timedelta(seconds=604_799)
    record = granted(ends_at=ends, refresh_token_expires_at=ends, token_host="oauth2.googleapis.com")
    assert set(kinds(told_after(record)[1])) == {"testing_mode_app", "refresh_token_ends"}


def test_a_refresh_token_in_quarantine_is_told() -> None:
    assert kinds(told_after(quarantined(granted(), "kept", "print 2", 2, NOW))[1]) == ["quarantined_refresh_token"]


def test_a_refresh_token_that_another_config_holds_is_told_until_a_new_login() -> None:
    record = shared(granted(), "the-other-config")
    assert kinds(told_after(record)[1]) == ["shared_refresh_token"]
    assert told_after(authorized(record, issued(2), Login()))[1] == ()


def test_a_wrong_account_is_told() -> None:
    record = with_options(granted(account="bob@example.org"), mailbox_login="Amy@example.org")
    assert kinds(told_after(record)[1]) == ["wrong_account"]
    right = with_options(granted(account="AMY@example.org"), mailbox_login="amy@example.org")
    assert told_after(right)[1] == ()


def test_a_fault_of_the_config_is_told_even_while_the_access_token_lives() -> None:
    assert kinds(told_after(failed(granted(), failure("config_fault"), NOW, 0.5))[1]) == ["config_fault"]


def test_an_end_that_each_use_moves_is_not_announced() -> None:
    assert told_after(granted(refresh_token_expires_at=NOW + timedelta(days=7)))[1] == ()


def test_what_should_pass_by_itself_is_told_when_it_lasts() -> None:
    record, kinds_told = granted(), []
    for _ in range(4):
        record = failed(record, failure("transient_alarm", code="short_and_stout"), NOW, 0.5)
        kinds_told.append(kinds(told_after(record)[1]))
    assert kinds_told == [[], [], [], ["refreshing_fails"]]
    assert told_after(refreshed(record, issued(2)))[1] == ()
    passing = granted()
    for _ in range(9):
        passing = failed(passing, failure("transient"), NOW, 0.5)
    assert told_after(passing)[1] == ()


def test_what_lasts_is_told_once_where_the_end_of_the_access_token_is_told_too() -> None:
    record = granted(NOW - 2 * HOUR)
    for _ in range(4):
        record = failed(record, failure("transient_alarm"), NOW, 0.5)
    assert kinds(told_after(record)[1]) == ["expired_token", "refreshing_fails"]
    switched_on = replace(record, config=record.config.model_copy(update={"notify_expired_token": True}))
    assert kinds(told_after(switched_on)[1]) == ["expired_token"]
