"""The whole life of a record under everything that can happen to it, in any order: what holds all the time.

The machine plays the store (leases, `$$NOW`, compare and set), the provider and everybody who sends. Workers may be
slow: a lease can expire under one, another takes over, and both end at last.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, get_args

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from schemas.expiry_events import ConfigWentOff, ExpiryReported
from schemas.reasons import AttemptClass
from schemas.token_config import RotationRule
from services.refresher.document import from_document, to_document
from services.refresher.domain.expiry import expiry_events
from services.refresher.domain.grant import (
    Straggler,
    authorization_failed,
    authorization_started,
    authorized,
    broke_off,
    failed,
    purged,
    refreshed,
    revoked,
    settled,
    straggled,
    time_passed,
)
from services.refresher.domain.record import FORCED, Attempt, Grant, Lease, Record, Waiter, Wish
from services.refresher.domain.recovery import ROTATIONS, to_send
from services.refresher.domain.schedule import Action, ExchangeCode, Mint, Purge, Refresh, Revoke, Settle, plan
from services.refresher.domain.serving import Serve, decide
from services.refresher.domain.status import renewable
from services.refresher.storing import Brought, Ending, applicable, ended
from tests.unit.refresher.records import NOW, Login, changed, event, failure, issued, new, with_options

LEASE = timedelta(seconds=20)
PURGE_AFTER = 20
"""Numbers drawn before a purge may come: little happens after it."""
MEANINGS = [meaning for meaning in get_args(AttemptClass) if meaning != "success"]
OUTCOMES = st.sampled_from(["success", "success", "same refresh token", "straggler", "our mistake", *MEANINGS])
CHANGES: dict[str, dict[str, Any]] = {
    "renamed": {"name": "Other name"},
    "other client": {"client_id": "other"},
    "off": {"validity": "invalid"},
    "off for now": {"validity": "invalid-temporarily"},
    "deleted": {"deleted": True},
    "as it was": {},
}


@dataclass(frozen=True)
class Worker:
    """Who holds a lease, or held it once."""

    claimed: Record
    action: Action
    claimed_at: datetime


def refresh_tokens(grant: Grant) -> set[str]:
    kept = (each.refresh_token for each in grant.quarantine)
    return {token for token in (grant.refresh_token, grant.previous_refresh_token, *kept) if token is not None}


class Life(RuleBasedStateMachine):
    @initialize(
        rotation=st.sampled_from(get_args(RotationRule)),
        mints=st.sampled_from([False, False, True]),
        begun=st.booleans(),
    )
    def start(self, rotation: RotationRule, mints: bool, begun: bool) -> None:  # noqa: FBT001 - drawn
        self.rotation: RotationRule = rotation
        self.flow = "ClientCredentials" if mints else "AuthorizationCode"
        self.now = NOW
        self.number = 1
        self.workers: list[Worker] = []
        self.open: dict[str, str] = {}
        self.removed = False
        self.record = settled(with_options(new(auth_flow=self.flow), rotation=rotation), self.now)
        if begun and not mints:  # one login and one rotation
            self.write(authorized(self.record, issued(self.next(), at=self.now), Login()))
            self.write(refreshed(self.record, issued(self.next(), at=self.now)))

    # What everybody's writes have in common.

    def write(self, after: Record) -> None:
        """Store a settled state: sequence, generation and notices keep their promises."""
        before, after = self.record, settled(after, self.now)
        told, events = expiry_events(before.told, after, self.now)
        for one in events:
            if isinstance(one, ExpiryReported):
                stage = told[one.kind]
                assert self.open.get(one.kind) != stage, f"{one.kind} was told twice"
                self.open[one.kind] = stage
            elif isinstance(one, ConfigWentOff):
                self.open.clear()
            else:
                for cause in one.causes:
                    del self.open[cause.rpartition(":")[2]]
        self.record = replace(after, told=told)
        assert self.open == told
        assert self.record.sequence > before.sequence
        old, grant = before.grant, self.record.grant
        same = (old.access_token, old.refresh_token) == (grant.access_token, grant.refresh_token)
        assert grant.generation == old.generation or (grant.generation > old.generation and not same)
        assert same or grant.generation > old.generation

    def next(self) -> int:
        self.number += 1
        return self.number

    # Time.

    @rule(seconds=st.integers(0, 20_000))
    def time_goes_on(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.record.due is not None)
    @rule()
    def it_is_due(self) -> None:
        self.now = max(self.now, self.record.due or self.now)

    @rule(hours=st.sampled_from([-2, 2]))
    def the_clock_is_stepped(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    # What people and mail modules do.

    @precondition(lambda self: not self.record.purged)
    @rule(change=st.sampled_from(sorted(CHANGES)))
    def the_config_changes(self, change: str) -> None:
        sequence = self.next()
        told = event(sequence, auth_flow=self.flow, **CHANGES[change])
        self.write(with_options(changed(self.record, told, self.now), rotation=self.rotation))

    @precondition(lambda self: self.number > PURGE_AFTER)
    @rule()
    def the_config_is_purged(self) -> None:
        self.write(purged(self.record, self.next()))

    @rule(kind=st.sampled_from(["refresh", "report_rejected", "revoke"]))
    def somebody_wishes(self, kind: str) -> None:
        generation = self.record.grant.generation
        wish = Wish(f"{kind}:{generation}", kind, "admin", generation)  # type: ignore[arg-type]  # one of the kinds
        if self.record.grant.state != "none" and all(other.id != wish.id for other in self.record.wishes):
            self.write(replace(self.record, wishes=(*self.record.wishes, wish)))

    @precondition(lambda self: not self.record.purged and not self.record.deleted)
    @rule()
    def somebody_starts_a_login(self) -> None:
        self.write(authorization_started(self.record, self.now + timedelta(minutes=10)))

    @precondition(lambda self: self.record.authorizing_until and not self.record.wishes)
    @rule()
    def somebody_comes_back_with_a_code(self) -> None:
        self.write(replace(self.record, wishes=(Wish(f"login:{self.next()}", "complete", "admin", code="code"),)))

    @rule()
    def somebody_waits_for_an_access_token(self) -> None:
        """As the store does it: under a lease the sequence stays."""
        record = replace(self.record, waiters=(*self.record.waiters, Waiter(f"mail:{self.next()}", {})))
        if self.is_free():
            soonest = max(self.now, record.not_before or self.now)
            due = soonest if record.due is None else min(soonest, record.due)
            record = replace(record, due=due, sequence=record.sequence + 1)
        self.record = record

    # What workers do.

    def is_free(self) -> bool:
        return self.record.lease is None or self.record.lease.until <= self.now

    @precondition(lambda self: self.is_claimable())
    @rule(outcome=OUTCOMES)
    def a_worker_claims_and_ends(self, outcome: str) -> None:
        self.a_worker_claims()
        self.a_worker_ends(len(self.workers) - 1, outcome)

    def is_claimable(self) -> bool:
        due = self.record.due is not None and self.record.due <= self.now
        return due and self.is_free() and not self.removed

    @precondition(lambda self: self.is_claimable())
    @rule()
    def a_worker_claims(self) -> None:
        lost = int(self.record.lease is not None)
        until = self.now + LEASE
        self.record = replace(
            self.record,
            grant=replace(self.record.grant, unknown=self.record.grant.unknown + lost),
            lease=Lease(str(self.next()), until),
            due=until,
            sequence=self.record.sequence + 1,
        )
        action = plan(self.record, self.now)
        if isinstance(action, Refresh):
            assert to_send(self.record.grant) is not None
            assert renewable(self.record)
            assert ROTATIONS[self.rotation].takes_previous or not self.record.grant.falls_back
        self.workers.append(Worker(self.record, action, self.now))

    @precondition(lambda self: self.workers)
    @rule(which=st.integers(0, 9))
    def a_worker_is_killed(self, which: int) -> None:
        self.workers.pop(which % len(self.workers))

    @precondition(lambda self: self.workers)
    @rule(which=st.integers(0, 9), outcome=OUTCOMES)
    def a_worker_ends(self, which: int, outcome: str) -> None:
        worker = self.workers.pop(which % len(self.workers))
        assert worker.claimed.lease is not None, "nothing is sent without a lease"
        if isinstance(worker.action, Purge):
            self.removed = self.removed or self.record.sequence == worker.claimed.sequence
            return
        if outcome == "straggler" and isinstance(worker.action, Refresh | Mint):
            worker = self.keep(worker)
        self.end(worker, self.ending(worker, outcome))

    def keep(self, worker: Worker) -> Worker:
        """A refresh token comes without an access token: it is stored before anything else."""
        number, before = self.next(), self.record
        straggler = Straggler(f"refresh {number}", f"print {number}", worker.claimed.grant.falls_back)
        brought = Brought(straggler.refresh_token, straggler.fingerprint)
        ending = Ending(lambda record, _: straggled(record, straggler), "reported", brought=brought)
        fitting = applicable(worker.claimed, before, ending)
        assert fitting is not None
        grant = fitting.transition(before, self.now).grant
        self.record = replace(before, grant=grant, sequence=before.sequence + 1)
        if not self.removed:
            self.no_refresh_token_is_lost(before, ending)
        return replace(worker, claimed=replace(self.record, lease=worker.claimed.lease))

    def ending(self, worker: Worker, outcome: str) -> Ending:
        match worker.action:
            case Settle() | Purge():
                return Ending(time_passed, "expired", FORCED)
            case Revoke(wish):
                return Ending(lambda record, _: revoked(record), "revoked", wish=wish.id)
            case ExchangeCode(wish) if outcome in {"success", "same refresh token"}:
                yielded = issued(self.next(), at=worker.claimed_at, refresh_token=outcome == "success")
                login = Login(origin=worker.claimed.origin)
                brought = Brought(yielded.refresh_token, yielded.fingerprint)
                return Ending(
                    lambda record, _: authorized(record, yielded, login), "authorized", wish=wish.id, brought=brought
                )
            case ExchangeCode(wish):
                refused = failure("reauthorization")
                return Ending(
                    lambda record, now: authorization_failed(record, refused, now), "authorization_failed", wish=wish.id
                )
            case Refresh() | Mint():
                return self.renewal(worker, outcome)
            case other:
                raise AssertionError(f"nobody wished for {other}")

    def renewal(self, worker: Worker, outcome: str) -> Ending:
        number, by_previous = self.next(), worker.claimed.grant.falls_back
        attempt = Attempt(worker.claimed_at, "success", 10)
        if outcome in {"success", "same refresh token"}:
            given = outcome == "success" and isinstance(worker.action, Refresh)
            yielded = issued(number, at=worker.claimed_at, refresh_token=given, by_previous=by_previous)
            brought = Brought(yielded.refresh_token, yielded.fingerprint)
            return Ending(
                lambda record, _: refreshed(record, yielded), "refreshed", FORCED, brought=brought, attempt=attempt
            )
        if outcome == "our mistake":
            ours = failure("transient_alarm")
            return Ending(lambda record, now: broke_off(record, ours, now, 0.5, sent=True), "refresh_failed", FORCED)
        met = failure("transient_alarm" if outcome == "straggler" else outcome)  # type: ignore[arg-type]  # one of the classes
        return Ending(
            lambda record, now: failed(record, met, now, 0.5),
            "refresh_failed",
            FORCED,
            attempt=attempt,
        )

    def end(self, worker: Worker, ending: Ending) -> None:
        before = self.record
        stored = applicable(worker.claimed, before, ending)
        if stored is None:
            if before.lease is not None and before.lease == worker.claimed.lease:
                self.record = replace(before, lease=None, due=self.now, sequence=before.sequence + 1)
        else:
            self.write(ended(worker.claimed, before, stored, self.now))
        if stored is not ending or isinstance(worker.action, Revoke) or self.removed:
            return
        self.no_refresh_token_is_lost(before, ending)
        self.nothing_is_done_over_and_over(worker)

    def no_refresh_token_is_lost(self, before: Record, ending: Ending) -> None:
        kept = refresh_tokens(self.record.grant)
        if ending.brought is not None and ending.brought.refresh_token is not None:
            assert ending.brought.refresh_token in kept
        elif ending.happened not in {"refreshed", "authorized"}:
            assert refresh_tokens(before.grant) <= kept

    def nothing_is_done_over_and_over(self, worker: Worker) -> None:
        """What is due at once after an ending is something else than what was just done."""
        record = self.record
        if record.lease is not None or record.due is None or record.due > self.now:
            return
        again = plan(record, self.now)
        assert not isinstance(again, Settle) or not isinstance(worker.action, Settle)

    # What holds at any time.

    @invariant()
    def what_is_owed_has_a_due_time(self) -> None:
        record = self.record
        owed = record.lease or record.wishes or record.waiters or record.purged
        on = not record.deleted and record.config.validity != "invalid"
        running = on and renewable(record) and (record.mints or record.grant.obtained_at is not None)
        assert record.due is not None or not (owed or running)

    @invariant()
    def a_live_access_token_is_served(self) -> None:
        live = self.record.grant.is_live(self.now) and not self.record.is_off and self.record.grant.state != "revoked"
        assert not live or decide(self.record, 0, self.now) == Serve()

    @invariant()
    def the_database_keeps_all_of_it(self) -> None:
        assert from_document({"_id": self.record.config_id, **to_document(self.record)}) == self.record


TestLife = Life.TestCase
TestLife.settings = settings(deadline=None, max_examples=40, stateful_step_count=40)
