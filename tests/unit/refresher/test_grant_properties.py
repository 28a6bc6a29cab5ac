"""What holds after any series of events, in any order."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.reasons import AttemptClass
from services.refresher.document import changes, from_document, to_document
from services.refresher.domain.expiry import expiry_events
from services.refresher.domain.grant import (
    authorization_failed,
    authorization_started,
    authorized,
    failed,
    refreshed,
    revoked,
    settled,
)
from services.refresher.domain.record import Record
from services.refresher.domain.schedule import Mint, Refresh, plan
from services.refresher.domain.serving import Refuse, Serve, decide
from services.refresher.domain.status import renewable
from tests.unit.refresher.records import NOW, Login, changed, event, failure, issued, new

Step = Callable[[Record, datetime, int], Record]
MEANINGS = [meaning for meaning in get_args(AttemptClass) if meaning != "success"]


def refresh(record: Record, now: datetime, number: int) -> Record:
    can = isinstance(plan(replace(record, lease=None), now), Refresh | Mint)
    return refreshed(record, issued(number, at=now)) if can else record


def fail(meaning: AttemptClass) -> Step:
    return lambda record, now, _: failed(record, failure(meaning), now, 0.5) if renewable(record) else record


STEPS: dict[str, Step] = {
    "refresh": refresh,
    "log in": lambda record, now, number: authorized(record, issued(number, at=now), Login()),
    "revoke": lambda record, _, __: revoked(record),
    "start": lambda record, now, _: authorization_started(record, now + timedelta(minutes=10)),
    "login fails": lambda record, now, _: authorization_failed(record, failure("reauthorization"), now),
    "rename": lambda record, _, n: changed(record, event(n, name=f"name {n}")),
    "other client": lambda record, _, n: changed(record, event(n, client_id="other")),
    "off": lambda record, _, n: changed(record, event(n, validity="invalid")),
    "delete": lambda record, _, n: changed(record, event(n, deleted=True)),
    "undelete": lambda record, _, n: changed(record, event(n)),
    **{f"fail {meaning}": fail(meaning) for meaning in MEANINGS},
}
WALKS = st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(min_value=0, max_value=5_000)), max_size=25)


def walk(steps: list[tuple[str, int]]) -> list[tuple[str, Record, Record, datetime]]:
    """Every step with the settled record before and after it."""
    record, now, taken = new(), NOW, []
    for number, (name, seconds) in enumerate(steps, start=2):
        now += timedelta(seconds=seconds)
        after = settled(STEPS[name](record, now, number), now)
        told, _ = expiry_events(record.told, after, now)
        after = replace(after, told=told)
        taken.append((name, record, after, now))
        record = after
    return taken


@settings(deadline=None)
@given(WALKS)
def test_only_a_command_deletes_a_refresh_token(steps: list[tuple[str, int]]) -> None:
    for name, before, after, _ in walk(steps):
        if before.grant.refresh_token is not None and name != "revoke":
            assert after.grant.refresh_token is not None


@settings(deadline=None)
@given(WALKS)
def test_the_generation_rises_exactly_when_stored_tokens_change(steps: list[tuple[str, int]]) -> None:
    for _, before, after, _ in walk(steps):
        old, new_ = before.grant, after.grant
        same = (old.access_token, old.refresh_token) == (new_.access_token, new_.refresh_token)
        assert new_.generation >= old.generation
        if not same:
            assert new_.generation > old.generation


@settings(deadline=None)
@given(WALKS)
def test_a_live_access_token_is_served_in_all_states_but_off_and_revoked(steps: list[tuple[str, int]]) -> None:
    for _, _, after, now in walk(steps):
        decision = decide(after, 0, now)
        if after.grant.is_live(now) and after.state not in {"off", "revoked"}:
            assert decision == Serve()
        if after.state in {"off", "revoked"}:
            assert isinstance(decision, Refuse)


@settings(deadline=None)
@given(WALKS)
def test_whatever_can_change_by_itself_has_a_due_time(steps: list[tuple[str, int]]) -> None:
    for _, _, after, now in walk(steps):
        if after.state in {"active", "retrying", "expired"} and renewable(after):
            assert after.due is not None
        if after.grant.is_live(now) and after.state != "off" and after.due is not None:
            assert after.grant.expires_at is not None
            assert after.due <= after.grant.expires_at


@settings(deadline=None)
@given(WALKS)
def test_what_was_told_is_what_is_open(steps: list[tuple[str, int]]) -> None:
    for _, _, after, now in walk(steps):
        again, events = expiry_events(after.told, after, now)
        assert (again, events) == (dict(after.told), ())
        if after.state == "off":
            assert not after.told


@settings(deadline=None)
@given(WALKS)
def test_a_record_survives_the_database(steps: list[tuple[str, int]]) -> None:
    for _, before, after, _ in walk(steps):
        document = {"_id": after.config_id, **to_document(after)}
        assert from_document(document) == after
        assert changes(after, after).keys() == {"next_refresh_at"}
        updated = {**to_document(before), **changes(before, after)}
        assert updated == to_document(after)
