"""The state machine of a grant, transition by transition."""

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.reasons import AttemptClass, PublicState
from services.refresher.domain.grant import (
    Straggler,
    authorization_failed,
    authorization_started,
    authorized,
    broke_off,
    failed,
    quarantined,
    refreshed,
    revoked,
    settled,
    straggled,
    tries_again_at_once,
    with_attempt,
)
from services.refresher.domain.record import Attempt, Lease, Record
from services.refresher.domain.recovery import to_send
from services.refresher.domain.schedule import Refresh, plan
from services.refresher.domain.status import new_login_needed, public_state, renewable
from tests.unit.refresher.records import (
    HOUR,
    NOW,
    Login,
    changed,
    event,
    failure,
    granted,
    issued,
    new,
    with_options,
)

LATER = NOW + 2 * HOUR


def test_a_rotated_refresh_token_replaces_the_old_one_which_is_kept_until_the_new_one_has_worked() -> None:
    first = refreshed(granted(), issued(2))
    assert (first.grant.refresh_token, first.grant.previous_refresh_token) == ("refresh 2", "refresh 1")
    second = refreshed(first, issued(3))
    assert (second.grant.refresh_token, second.grant.previous_refresh_token) == ("refresh 3", "refresh 2")


def test_an_answer_without_refresh_token_keeps_the_stored_one() -> None:
    record = refreshed(granted(), issued(2, refresh_token=False))
    assert (record.grant.refresh_token, record.grant.previous_refresh_token) == ("refresh 1", None)
    assert record.grant.generation == 2


def test_the_same_refresh_token_again_is_no_rotation() -> None:
    record = refreshed(granted(), issued(1))
    assert record.grant.previous_refresh_token is None


def test_a_success_ends_every_trouble() -> None:
    record = failed(granted(), failure("ambiguous"), NOW, 0.5)
    record = refreshed(record, issued(2))
    assert (record.failures, record.last_error, record.not_before, record.grant.unknown) == (0, None, None, 0)


@pytest.mark.parametrize("meaning", ["transient", "transient_alarm", "client_fault", "config_fault", "policy"])
def test_an_error_keeps_the_refresh_token_and_waits(meaning: AttemptClass) -> None:
    record = failed(granted(), failure(meaning), NOW, 0.5)
    assert record.grant == granted().grant
    assert record.not_before is not None
    assert record.not_before > NOW


def test_the_first_unknown_outcome_is_followed_at_once_by_one_more_try() -> None:
    first = failed(granted(), failure("ambiguous"), NOW, 0.5)
    assert tries_again_at_once(first)
    second = failed(first, failure("ambiguous"), NOW, 0.5)
    assert not tries_again_at_once(second)
    assert second.not_before is not None


def test_a_refusal_after_an_unknown_outcome_is_a_lost_rotation() -> None:
    record = failed(granted(), failure("ambiguous"), NOW, 0.5)
    record = failed(record, failure("reauthorization"), NOW, 0.5)
    assert record.grant.lost_rotation
    assert record.grant.refresh_token == "refresh 1"


def unknown_and_refused(rotation: str = "replace") -> Record:
    """The answer to the second refresh token was lost, then that one was refused; the first one is kept."""
    record = with_options(refreshed(granted(), issued(2)), rotation=rotation)
    return failed(failed(record, failure("ambiguous"), NOW, 0.5), failure("reauthorization"), NOW, 0.5)


def test_the_previous_refresh_token_is_tried_at_once_where_the_provider_still_takes_it() -> None:
    record = unknown_and_refused()
    assert to_send(record.grant) == "refresh 1"
    assert (record.grant.state, record.grant.lost_rotation) == ("authorized", False)
    assert tries_again_at_once(record)
    assert isinstance(plan(record, NOW), Refresh)


def test_a_previous_refresh_token_that_works_takes_the_place_of_the_refused_one() -> None:
    kept = refreshed(unknown_and_refused(), issued(3, refresh_token=False, by_previous=True)).grant
    assert (kept.refresh_token, kept.fingerprint, kept.previous_refresh_token) == ("refresh 1", "print 1", None)
    replaced = refreshed(unknown_and_refused(), issued(3, by_previous=True)).grant
    assert (replaced.refresh_token, replaced.previous_refresh_token) == ("refresh 3", "refresh 1")
    assert {kept.generation, replaced.generation} == {3}
    assert not kept.falls_back


def test_a_late_success_of_the_refused_refresh_token_is_not_taken_for_one_of_the_previous() -> None:
    late = refreshed(unknown_and_refused(), issued(3, refresh_token=False)).grant
    assert late.refresh_token == "refresh 2"
    assert to_send(late) == "refresh 2"


def test_a_previous_refresh_token_that_is_refused_too_is_the_end_and_both_are_kept() -> None:
    record = failed(unknown_and_refused(), failure("reauthorization"), NOW, 0.5)
    assert (record.grant.state, record.grant.lost_rotation) == ("reauthorization_required", True)
    assert {record.grant.refresh_token, record.grant.previous_refresh_token} == {"refresh 1", "refresh 2"}
    assert not tries_again_at_once(record)


def test_a_strict_provider_never_sees_the_previous_refresh_token_again() -> None:
    record = unknown_and_refused("strict")
    assert (record.grant.state, record.grant.lost_rotation) == ("reauthorization_required", True)
    assert not tries_again_at_once(record)


def test_an_attempt_that_we_broke_may_have_spent_the_refresh_token() -> None:
    record = broke_off(granted(), failure("transient_alarm"), NOW, 0.5, sent=True)
    assert record.grant.unknown == 1
    assert broke_off(granted(), failure("transient_alarm"), NOW, 0.5, sent=False).grant.unknown == 0
    assert record.not_before is not None
    assert not tries_again_at_once(record)
    lost = failed(record, failure("reauthorization"), NOW, 0.5)
    assert lost.grant.lost_rotation


def test_the_last_ten_attempts_are_kept() -> None:
    record = granted()
    for number in range(12):
        record = with_attempt(record, Attempt(NOW, "success", number))
    assert [attempt.latency_ms for attempt in record.attempts] == list(range(2, 12))


def test_a_plain_refusal_is_not_a_lost_rotation() -> None:
    record = failed(granted(), failure("reauthorization"), NOW, 0.5)
    assert not record.grant.lost_rotation
    assert record.grant.state == "reauthorization_required"


def test_a_refresh_token_that_came_without_access_token_is_stored() -> None:
    record = straggled(granted(), Straggler("refresh 2", "print 2"))
    assert (record.grant.refresh_token, record.grant.previous_refresh_token) == ("refresh 2", "refresh 1")
    assert record.grant.generation == 2


def test_a_client_credentials_grant_never_needs_a_login() -> None:
    record = new(auth_flow="ClientCredentials")
    assert renewable(record)
    record = failed(record, failure("reauthorization"), NOW, 0.5)
    assert renewable(record)


def test_a_new_login_without_refresh_token_keeps_the_stored_one_of_the_same_account_and_client() -> None:
    before = granted(account="amy")
    assert authorized(before, issued(2, refresh_token=False), Login()).grant.refresh_token == "refresh 1"
    other = authorized(before, issued(2, refresh_token=False, account="bob"), Login())
    assert other.grant.refresh_token is None
    elsewhere = Login(origin=replace(before.origin, client_id="other"))
    assert authorized(before, issued(2, refresh_token=False), elsewhere).grant.refresh_token is None


def test_a_failed_login_leaves_the_grant_as_it_was() -> None:
    before = authorization_started(granted(), NOW + HOUR)
    after = authorization_failed(before, failure("reauthorization"), NOW)
    assert after.grant == before.grant
    assert after.authorizing_until is None


def test_revoking_deletes_the_tokens_and_raises_the_generation() -> None:
    record = revoked(granted())
    assert (record.grant.access_token, record.grant.refresh_token, record.grant.generation) == (None, None, 2)
    assert public_state(record, NOW) == "revoked"


def test_quarantine_keeps_the_last_five() -> None:
    record = granted()
    for number in range(7):
        record = quarantined(record, f"refresh {number}", f"aside {number}", number, NOW)
    assert [kept.generation for kept in record.grant.quarantine] == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("record", "state"),
    [
        (new(), "not_authorized"),
        (authorization_started(new(), NOW + HOUR), "authorizing"),
        (authorization_started(granted(), NOW + HOUR), "active"),
        (authorization_started(revoked(granted()), NOW + HOUR), "authorizing"),
        (granted(), "active"),
        (failed(granted(), failure("transient"), NOW, 0.5), "retrying"),
        (granted(NOW - 2 * HOUR), "expired"),
        (failed(granted(), failure("client_fault"), NOW, 0.5), "client_fault"),
        (failed(granted(NOW - 2 * HOUR), failure("client_fault"), NOW, 0.5), "client_fault"),
        (failed(granted(), failure("reauthorization"), NOW, 0.5), "reauthorization_required"),
        (granted(refresh_token=False), "active"),
        (granted(NOW - 2 * HOUR, refresh_token=False), "reauthorization_required"),
        (new(auth_flow="ClientCredentials"), "not_authorized"),
        (failed(new(auth_flow="ClientCredentials"), failure("client_fault"), NOW, 0.5), "client_fault"),
        (changed(granted(), event(2, validity="invalid")), "off"),
        (changed(granted(), event(2, validity="invalid-temporarily")), "off"),
        (changed(granted(), event(2, deleted=True)), "off"),
        (revoked(granted()), "revoked"),
    ],
)
def test_the_public_state_is_the_first_that_fits(record: Record, state: PublicState) -> None:
    assert public_state(record, NOW) == state


def test_a_paused_client_hides_what_comes_after_it() -> None:
    assert public_state(granted(), NOW, client_faulty=True) == "client_fault"
    dead = failed(granted(), failure("reauthorization"), NOW, 0.5)
    assert public_state(dead, NOW, client_faulty=True) == "reauthorization_required"


def test_another_client_id_serves_the_live_token_to_its_end_and_refreshes_nothing() -> None:
    record = changed(granted(), event(2, client_id="other"))
    assert public_state(record, NOW) == "active"
    assert not renewable(record)
    assert new_login_needed(record)
    assert public_state(record, LATER) == "reauthorization_required"


def test_changing_the_client_back_makes_the_grant_good_again() -> None:
    record = changed(granted(), event(2, client_id="other"))
    record = changed(record, event(3))
    assert renewable(record)
    assert not new_login_needed(record)


def test_another_token_host_needs_a_new_login_and_another_path_does_not() -> None:
    elsewhere = {"TokenByRefreshToken": {"url": "https://other.example.test/token"}}
    assert not renewable(changed(granted(), event(2, requests=elsewhere)))
    path = {"TokenByRefreshToken": {"url": "https://idp.example.test/v2/token"}}
    assert renewable(changed(granted(), event(2, requests=path)))


def test_another_scope_goes_on_refreshing_and_says_that_a_new_login_is_needed() -> None:
    record = changed(granted(), event(2, scope="mail more"))
    assert renewable(record)
    assert new_login_needed(record)
    assert not new_login_needed(changed(granted(), event(2, scope="mail")))


def test_an_edit_gives_another_chance_where_a_fault_waited_for_one() -> None:
    faulty = failed(granted(), failure("client_fault"), NOW, 0.5)
    assert changed(faulty, event(2)).not_before is None
    unlucky = failed(granted(), failure("transient"), NOW, 0.5)
    assert changed(unlucky, event(2)).not_before == unlucky.not_before


def test_a_settled_record_has_a_higher_sequence_and_keeps_a_living_lease() -> None:
    leased = replace(granted(), lease=Lease("mine", NOW + timedelta(seconds=20)))
    after = settled(changed(leased, event(2)), NOW)
    assert after.sequence == leased.sequence + 1
    assert after.due == NOW + timedelta(seconds=20)
