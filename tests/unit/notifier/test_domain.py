from dataclasses import replace
from datetime import timedelta

import pytest

from services.notifier.domain import (
    Notification,
    acknowledge,
    forgettable,
    recover,
    remind,
    report,
    wanted,
)
from tests.unit.notifier.events import START, reported


def opened(**fields: object) -> Notification:
    one = report(None, reported(**fields))  # type: ignore[arg-type]
    assert one is not None
    return one


def told(one: Notification) -> Notification:
    return replace(one, pending=None, told_at=START)


def test_a_report_opens_a_notification_and_asks_for_it_to_be_told() -> None:
    one = opened(sequence=4, text="invalid_grant")
    assert (one.state, one.pending, one.sequence, one.source_sequence) == ("open", "opened", 1, 4)
    assert (one.name, one.text, one.severity) == ("Support mailbox", "invalid_grant", "red")


@pytest.mark.parametrize("validity", ["invalid", "invalid-temporarily"])
def test_nobody_hears_of_a_config_that_is_not_valid(validity: str) -> None:
    assert report(None, reported(validity=validity)) is None


def test_the_two_switches_each_rule_their_own_kind() -> None:
    switches = {"notify_expired_token": False, "notify_expired_refresh_token": True}
    assert not wanted(reported(kind="expired_token", **switches))
    assert wanted(reported(kind="expired_refresh_token", **switches))
    switches = {"notify_expired_token": True, "notify_expired_refresh_token": False}
    assert wanted(reported(kind="expired_token", **switches))
    assert not wanted(reported(kind="expired_refresh_token", **switches))
    assert wanted(reported(kind="client_fault", **switches))


def test_old_news_changes_nothing() -> None:
    one = opened(sequence=5)
    assert report(one, reported(5)) is None
    assert report(one, reported(4, name="older name")) is None
    assert recover(one, 5, START) is None


def test_what_was_heard_before_the_first_notification_counts() -> None:
    assert report(None, reported(5), heard=6) is None
    assert report(None, reported(7), heard=6) is not None


def test_a_growing_count_is_noted_without_telling_again() -> None:
    one = told(opened(sequence=1))
    more = report(one, reported(2, count=9))
    assert more is not None
    assert (more.count, more.pending, more.sequence) == (9, None, 2)


def test_an_acknowledged_one_stays_so_when_only_its_count_grows() -> None:
    seen = acknowledge(opened(), None, "anna", START)
    assert seen is not None
    more = report(seen, reported(2, count=9))
    assert more is not None
    assert (more.state, more.acknowledged_by) == ("acknowledged", "anna")


def test_another_cure_is_news_even_after_an_acknowledgement() -> None:
    seen = acknowledge(opened(), None, "anna", START)
    assert seen is not None
    again = report(seen, reported(2, cure_id="type_secret_again"))
    assert again is not None
    assert (again.state, again.pending, again.acknowledged_by) == ("open", "opened", None)
    assert again.remind_at == again.news_at + timedelta(days=1)


def test_each_step_towards_an_end_is_news_and_no_reminder_comes_between() -> None:
    first = told(opened(kind="client_secret_ends", ends_at=START + timedelta(days=30)))
    assert first.remind_at is None
    step = report(first, reported(2, kind="client_secret_ends", ends_at=START + timedelta(days=14)))
    assert step is not None
    assert (step.pending, step.severity) == ("opened", "yellow")


def test_a_recovery_resolves_and_is_told_to_whoever_was_told() -> None:
    one = recover(told(opened(sequence=1)), 2, START)
    assert one is not None
    assert (one.state, one.pending, one.resolved_at, one.remind_at) == ("resolved", "resolved", START, None)


def test_a_recovery_of_what_was_never_told_is_not_told_either() -> None:
    one = recover(opened(sequence=1), 2, START)
    assert one is not None
    assert (one.state, one.pending) == ("resolved", None)


def test_a_recurrence_opens_it_again_from_the_beginning() -> None:
    one = recover(told(opened(sequence=1)), 2, START)
    assert one is not None
    again = report(one, reported(3))
    assert again is not None
    assert (again.state, again.reminders, again.resolved_at, again.acknowledged_at) == ("open", 0, None, None)
    assert (again.opened_at, again.sequence, again.pending) == (reported(3).at, 3, "opened")


def test_a_switch_turned_off_resolves_what_is_open() -> None:
    one = report(opened(sequence=1), reported(2, notify_expired_refresh_token=False))
    assert one is not None
    assert one.state == "resolved"


def test_reminders_come_after_one_three_and_seven_days_and_then_no_more() -> None:
    one = opened(sequence=0 + 1)
    moments = []
    for hours in range(24 * 20):
        now = one.news_at + timedelta(hours=hours)
        after = remind(one, now)
        if after is not None:
            moments.append(hours / 24)
            assert (after.state, after.pending, after.reminded_at) == ("reminded", "reminded", now)
            one = after
    assert moments == [1, 3, 7]
    assert one.reminders == 3


def test_after_a_long_pause_one_reminder_comes_not_all_that_were_missed() -> None:
    one = opened()
    after = remind(one, one.news_at + timedelta(days=4))
    assert after is not None
    assert after.remind_at == one.news_at + timedelta(days=7)


def test_an_acknowledged_one_is_not_reminded_of() -> None:
    seen = acknowledge(opened(), None, "anna", START)
    assert seen is not None
    assert remind(seen, START + timedelta(days=10)) is None


def test_an_acknowledgement_does_not_silence_news_its_sender_has_not_seen() -> None:
    again = report(opened(sequence=1), reported(2, cure_id="other"))
    assert again is not None
    assert acknowledge(again, 1, "anna", START) is None
    assert acknowledge(again, 2, "anna", START) is not None


def test_an_acknowledgement_after_a_mere_reminder_is_taken() -> None:
    one = opened()
    reminded = remind(one, one.news_at + timedelta(days=1))
    assert reminded is not None
    seen = acknowledge(reminded, one.sequence, "anna", START)
    assert seen is not None
    assert seen.state == "acknowledged"


def test_acknowledging_twice_keeps_the_first_one() -> None:
    first = acknowledge(opened(), None, "anna", START)
    assert first is not None
    assert acknowledge(first, None, "bert", START + timedelta(hours=1)) is first


def test_a_resolved_one_is_forgotten_after_thirty_days() -> None:
    one = recover(opened(), 2, START)
    assert one is not None
    assert not forgettable(one, START + timedelta(days=29))
    assert forgettable(one, START + timedelta(days=30))
    assert not forgettable(opened(), START + timedelta(days=300))
