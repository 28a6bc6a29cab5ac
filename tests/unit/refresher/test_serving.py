"""Who gets an access token, and what the others are told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.refresher.document import servable, to_document
from services.refresher.domain.grant import failed, revoked
from services.refresher.domain.record import Record, Servable, Waiter
from services.refresher.domain.serving import (
    NeedsRefresh,
    Refuse,
    Serve,
    after_attempt,
    decide,
    decide_rejected,
    too_late,
    why_failed,
)
from tests.unit.refresher.records import HOUR, NOW, changed, event, failure, granted, new

DEAD = failed(granted(), failure("reauthorization"), NOW, 0.5)


@pytest.mark.parametrize(
    "record",
    [
        granted(),
        DEAD,
        failed(granted(), failure("transient"), NOW, 0.5),
        failed(granted(), failure("client_fault"), NOW, 0.5),
        changed(granted(), event(2, client_id="other")),
        granted(refresh_token=False),
    ],
)
def test_a_live_access_token_is_served_however_refreshing_fares(record: Record) -> None:
    assert decide(record, 60, NOW) == Serve()
    assert decide(record, 60, NOW, client_faulty=True) == Serve()


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (changed(granted(), event(2, validity="invalid")), "off"),
        (changed(granted(), event(2, validity="invalid-temporarily")), "off"),
        (changed(granted(), event(2, deleted=True)), "deleted"),
        (revoked(granted()), "revoked"),
        (new(), "not_authorized"),
        (failed(granted(NOW - 2 * HOUR), failure("reauthorization"), NOW, 0.5), "reauthorization_required"),
        (failed(granted(NOW - 2 * HOUR), failure("client_fault"), NOW, 0.5), "client_fault"),
        (granted(NOW - 2 * HOUR, refresh_token=False), "reauthorization_required"),
    ],
)
def test_what_no_attempt_can_cure_is_refused_at_once(record: Record, code: str) -> None:
    decision = decide(record, 60, NOW)
    assert isinstance(decision, Refuse)
    assert decision.code == code


@pytest.mark.parametrize(
    "record",
    [
        new(),
        granted(account="amy@example.test"),
        revoked(granted()),
        changed(granted(), event(2, deleted=True, former_names=("Help",))),
        changed(granted(), event(2, options={"mailbox_login": "amy", "servers": {"imap": "mail.example.test:993"}})),
    ],
)
def test_what_a_get_reads_of_a_document_is_what_the_whole_record_says(record: Record) -> None:
    assert servable({"_id": record.config_id, **to_document(record)}) == Servable.of(record)


def test_an_access_token_near_its_end_is_renewed_first() -> None:
    assert decide(granted(NOW - HOUR + timedelta(seconds=59)), 60, NOW) == NeedsRefresh()
    assert decide(granted(NOW - HOUR + timedelta(seconds=60)), 60, NOW) == Serve()


REPORTER = Waiter("mail:1", {}, deadline=NOW + timedelta(seconds=10))


def test_a_rejected_token_forces_a_refresh_unless_it_is_new_or_replaced() -> None:
    old = granted(NOW - timedelta(minutes=10))
    assert decide_rejected(old, 1, REPORTER, NOW) == NeedsRefresh()
    young = decide_rejected(granted(), 1, REPORTER, NOW)
    assert isinstance(young, Refuse)
    assert (young.code, young.retry_after) == ("retry_later", 60.0)
    replaced = replace(old, grant=replace(old.grant, generation=2))
    assert decide_rejected(replaced, 1, REPORTER, NOW) is None
    assert isinstance(decide_rejected(old, 2, REPORTER, NOW), Refuse)


def test_a_report_forces_nothing_before_the_provider_may_be_asked_again() -> None:
    old = granted(NOW - timedelta(minutes=10))
    waiting = failed(old, failure("transient", wait=30.0), NOW, 0.5)
    refused = decide_rejected(waiting, 1, REPORTER, NOW)
    assert isinstance(refused, Refuse)
    assert (refused.code, refused.retry_after) == ("retry_later", 30.0)
    held = decide_rejected(old, 1, REPORTER, NOW, held_until=NOW + timedelta(seconds=90))
    assert isinstance(held, Refuse)
    assert held.retry_after == 90.0
    patient = replace(REPORTER, deadline=NOW + timedelta(seconds=31))
    assert decide_rejected(waiting, 1, patient, NOW) == NeedsRefresh()


def test_a_report_forces_nothing_of_a_paused_client() -> None:
    refused = decide_rejected(granted(NOW - timedelta(minutes=10)), 1, REPORTER, NOW, client_faulty=True)
    assert isinstance(refused, Refuse)
    assert refused.code == "client_fault"


def test_who_cannot_wait_for_the_next_attempt_is_told_at_once() -> None:
    record = failed(granted(NOW - 2 * HOUR), failure("transient", wait=30.0), NOW, 0.5)
    impatient = Waiter("mail:1", {}, deadline=NOW + timedelta(seconds=10))
    refused = too_late(record, impatient, NOW)
    assert refused is not None
    assert (refused.code, refused.retry_after) == ("retry_later", 30.0)
    assert too_late(record, replace(impatient, deadline=NOW + timedelta(seconds=31)), NOW) is None


def test_a_failed_attempt_answers_with_the_time_of_the_next_one() -> None:
    record = failed(granted(NOW - 2 * HOUR), failure("transient", wait=30.0), NOW, 0.5)
    answer = after_attempt(record, Waiter("mail:1", {}), NOW)
    assert isinstance(answer, Refuse)
    assert (answer.code, answer.retry_after) == ("refresh_failed", 30.0)


def test_who_asked_for_a_refresh_hears_that_a_login_is_needed_though_the_access_token_still_lives() -> None:
    assert decide(DEAD, 60, NOW) == Serve()
    assert why_failed(DEAD, NOW).code == "reauthorization_required"
    assert why_failed(failed(granted(), failure("transient"), NOW, 0.5), NOW).code == "refresh_failed"
