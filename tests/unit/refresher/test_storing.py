"""What an ending makes of a record: what is settled, and what is kept where it comes too late."""

from dataclasses import replace
from datetime import datetime

import pytest

from services.refresher.domain.grant import Issued, failed, quarantined, refreshed, revoked
from services.refresher.domain.record import FORCED, Attempt, Lease, Record, Waiter, Wish, WishKind
from services.refresher.storing import Brought, Ending, applicable, ended
from tests.unit.refresher.records import NOW, failure, granted, issued


def wish(kind: WishKind, generation: int = 1) -> Wish:
    return Wish(f"{kind}:{generation}", kind, "admin", generation)


def unchanged(record: Record, _: datetime) -> Record:
    return record


ANEW = replace(issued(2), refresh_token="encrypted anew")
"""A refresh token looks different each time it is encrypted; its fingerprint does not."""


def success(yielded: Issued) -> Ending:
    brought = Brought(yielded.refresh_token, yielded.fingerprint)
    return Ending(lambda record, _: refreshed(record, yielded), "refreshed", wish="complete:1", brought=brought)


@pytest.mark.parametrize(
    "meanwhile",
    [
        refreshed(granted(), issued(2)),
        refreshed(refreshed(granted(), issued(2)), issued(3)),
        quarantined(refreshed(granted(), issued(4)), "refresh 2", "print 2", 2, NOW),
        refreshed(granted(), replace(issued(9), fingerprint="print 2")),
    ],
    ids=["in use", "the one before", "put aside", "given to another process too"],
)
def test_a_refresh_token_that_the_grant_holds_already_is_not_put_aside(meanwhile: Record) -> None:
    assert applicable(granted(), meanwhile, success(ANEW)) is None


def test_the_same_refresh_token_given_back_is_not_put_aside_when_the_write_is_repeated() -> None:
    same = replace(issued(2), refresh_token="encrypted anew", fingerprint="print 1")
    assert applicable(granted(), refreshed(granted(), same), success(same)) is None


def test_what_is_overtaken_is_put_aside_however_often() -> None:
    ending = success(ANEW)
    for other in (refreshed(granted(), issued(3)), revoked(granted())):
        aside = applicable(granted(), other, ending)
        assert aside is not None
        assert aside.is_aside
        after = ended(granted(), other, aside, NOW)
        assert [kept.refresh_token for kept in after.grant.quarantine] == ["encrypted anew"]
        assert applicable(granted(), after, ending) is None, "an earlier try of the same write had come through"


def test_what_is_overtaken_and_brought_no_refresh_token_leaves_nothing_to_keep() -> None:
    other = refreshed(granted(), issued(2))
    assert applicable(granted(), other, Ending(unchanged, "refreshed", brought=Brought())) is None
    assert applicable(granted(), other, Ending(unchanged, "refresh_failed")) is None


def test_a_failure_needs_its_lease_and_a_success_does_not() -> None:
    success = Ending(unchanged, "refreshed", brought=Brought())
    assert applicable(granted(), granted(), success) is success
    failure = Ending(unchanged, "refresh_failed")
    assert applicable(granted(), granted(), failure) is None
    mine = replace(granted(), lease=Lease("mine", NOW))
    assert applicable(mine, mine, failure) is failure
    theirs = replace(granted(), lease=Lease("theirs", NOW))
    assert applicable(mine, theirs, failure) is None


def test_who_waits_for_an_overtaken_attempt_goes_on_waiting() -> None:
    mine = replace(granted(), lease=Lease("mine", NOW), waiters=(Waiter("mail:1", {}),))
    other = replace(mine, grant=replace(mine.grant, generation=2))
    aside = applicable(mine, other, Ending(unchanged, "refreshed", brought=Brought("kept", "print")))
    assert aside is not None
    after = ended(mine, other, aside, NOW)
    assert (after.lease, after.waiters) == (None, mine.waiters)


def test_a_success_settles_every_wish_for_an_older_access_token() -> None:
    record = replace(granted(), wishes=(wish("refresh"), wish("report_rejected"), wish("revoke")))
    after = ended(record, record, Ending(lambda it, _: refreshed(it, issued(2)), "refreshed"), NOW)
    assert [left.kind for left in after.wishes] == ["revoke"]


def test_a_failure_settles_forced_wishes_unless_it_is_tried_again_at_once() -> None:
    record = replace(granted(), wishes=(wish("refresh"),))
    assert ended(record, record, failing("transient"), NOW).wishes == ()
    first = ended(record, record, failing("ambiguous"), NOW)
    assert [left.kind for left in first.wishes] == ["refresh"]
    assert ended(first, first, failing("ambiguous"), NOW).wishes == ()


def failing(meaning: str) -> Ending:
    def transition(record: Record, now: datetime) -> Record:
        return failed(record, failure(meaning), now, 0.5)  # type: ignore[arg-type]  # one of the classes

    return Ending(transition, "refresh_failed", FORCED)


def test_an_ending_writes_its_attempt_into_the_history() -> None:
    attempt = Attempt(NOW, "success", 120, http_status=200)
    after = ended(granted(), granted(), Ending(unchanged, "refreshed", attempt=attempt), NOW)
    assert after.attempts == (attempt,)
