"""What an ending makes of a record: what is settled, and what is kept where it comes too late."""

from dataclasses import replace
from datetime import datetime

import pytest

from services.refresher.domain.grant import failed, quarantined, refreshed, revoked
from services.refresher.domain.record import FORCED, Attempt, Grant, Lease, Record, Waiter, Wish, WishKind
from services.refresher.storing import Brought, Ending, applicable, ended
from tests.unit.refresher.records import NOW, failure, granted, issued


def wish(kind: WishKind, generation: int = 1) -> Wish:
    return Wish(f"{kind}:{generation}", kind, "admin", generation)


def unchanged(record: Record, _: datetime) -> Record:
    return record


@pytest.mark.parametrize(
    ("brought", "grant", "found"),
    [
        (Brought("a", "r"), Grant(access_token="a", refresh_token="r"), True),
        (Brought("a", "r"), Grant(access_token="b", refresh_token="s", previous_refresh_token="r"), True),
        (Brought("a", "r"), quarantined(granted(), "r", 2, NOW).grant, True),
        (Brought("a", "r"), Grant(access_token="a", refresh_token="s"), False),
        (Brought("a", None), Grant(access_token="a"), True),
        (Brought("a", None), Grant(access_token="b"), False),
        (Brought(None, "r"), Grant(), False),
        (Brought(None, None), Grant(), False),
    ],
)
def test_what_was_brought_is_found_by_what_was_brought_alone(brought: Brought, grant: Grant, found: bool) -> None:  # noqa: FBT001 - a case
    assert brought.is_in(grant) is found


def test_what_is_overtaken_is_put_aside_however_often() -> None:
    ending = Ending(unchanged, "refreshed", wish="complete:1", brought=Brought("access", "kept"))
    for other in (refreshed(granted(), issued(2)), revoked(granted())):
        aside = applicable(granted(), other, ending)
        assert aside is not None
        assert aside.is_aside
        after = ended(granted(), other, aside, NOW)
        assert [kept.refresh_token for kept in after.grant.quarantine] == ["kept"]
        assert applicable(granted(), after, ending) is None, "an earlier try of the same write had come through"


def test_what_is_overtaken_and_brought_no_refresh_token_leaves_nothing_to_keep() -> None:
    other = refreshed(granted(), issued(2))
    assert applicable(granted(), other, Ending(unchanged, "refreshed", brought=Brought("access", None))) is None
    assert applicable(granted(), other, Ending(unchanged, "refresh_failed")) is None


def test_a_failure_needs_its_lease_and_a_success_does_not() -> None:
    success = Ending(unchanged, "refreshed", brought=Brought("access", None))
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
    aside = applicable(mine, other, Ending(unchanged, "refreshed", brought=Brought("access", "kept")))
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
