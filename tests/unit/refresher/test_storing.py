"""What an ending makes of a record: what is settled, and what is kept where it comes too late."""

from dataclasses import replace
from datetime import datetime

import pytest

from services.refresher.domain.grant import failed, quarantined, refreshed, revoked
from services.refresher.domain.record import FORCED, Attempt, Grant, Record, Wish, WishKind
from services.refresher.storing import Brought, Ending, ended, set_aside
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


def test_what_is_set_aside_carries_its_refresh_token_however_often_it_is_overtaken() -> None:
    first = Ending(unchanged, "refreshed", wish="complete:1", brought=Brought("access", "kept"))
    aside = set_aside(granted(), first)
    assert aside is not None
    assert aside.brought == first.brought
    again = set_aside(granted(), aside)
    assert again is not None
    for grant in (granted(), revoked(granted())):
        after = ended(grant, again, NOW)
        assert [kept.refresh_token for kept in after.grant.quarantine] == ["kept"]
        assert again.brought is not None
        assert again.brought.is_in(after.grant)


def test_an_ending_without_refresh_token_leaves_nothing_to_keep() -> None:
    assert set_aside(granted(), Ending(unchanged, "refreshed", brought=Brought("access", None))) is None
    assert set_aside(granted(), Ending(unchanged, "refresh_failed")) is None


def test_a_success_settles_every_wish_for_an_older_access_token() -> None:
    record = replace(granted(), wishes=(wish("refresh"), wish("report_rejected"), wish("revoke")))
    after = ended(record, Ending(lambda it, _: refreshed(it, issued(2)), "refreshed"), NOW)
    assert [left.kind for left in after.wishes] == ["revoke"]


def test_a_failure_settles_forced_wishes_unless_it_is_tried_again_at_once() -> None:
    record = replace(granted(), wishes=(wish("refresh"),))
    assert ended(record, failing("transient"), NOW).wishes == ()
    first = ended(record, failing("ambiguous"), NOW)
    assert [left.kind for left in first.wishes] == ["refresh"]
    assert ended(first, failing("ambiguous"), NOW).wishes == ()


def failing(meaning: str) -> Ending:
    def transition(record: Record, now: datetime) -> Record:
        return failed(record, failure(meaning), now, 0.5)  # type: ignore[arg-type]  # one of the classes

    return Ending(transition, "refresh_failed", FORCED)


def test_an_ending_writes_its_attempt_into_the_history() -> None:
    attempt = Attempt(NOW, "success", 120, http_status=200)
    after = ended(granted(), Ending(unchanged, "refreshed", attempt=attempt), NOW)
    assert after.attempts == (attempt,)
