"""The rules of the collection `grants`, on the real database alone."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from grantkeeper.mongo.client import connect
from grantkeeper.process.clock import SYSTEM_CLOCK, SYSTEM_IDS
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.settings import MongoSettings
from services.refresher.batch_store import BatchWrites
from services.refresher.database_time import DatabaseTime
from services.refresher.document import to_document
from services.refresher.domain.grant import authorized, settled
from services.refresher.domain.record import Record, Waiter
from services.refresher.domain.serving import WAITERS_MAX
from services.refresher.reading import Reading, UnreadableDocument
from services.refresher.store import GrantStore, Written
from tests.unit.refresher.records import CONFIG_ID, HOUR, Login, changed, event, issued, new

if TYPE_CHECKING:
    from tests.servers import MongoServer


@pytest.fixture
def reading() -> Reading:
    return Reading(SYSTEM_CLOCK, Metrics("refresher"))


@pytest.fixture
async def store(mongo: "MongoServer", database: str, reading: Reading) -> AsyncIterator[GrantStore]:
    settings = MongoSettings.model_validate({"uri": mongo.uri, "database": database})
    db = connect(settings, service="test")
    store = GrantStore(db, DatabaseTime(SYSTEM_CLOCK), SYSTEM_IDS, reading)
    await store.prepare()
    yield store
    db.client.close()


async def expired(store: GrantStore) -> Record:
    """A stored record whose access token has ended, due now."""
    now = store.time.now()
    record = settled(authorized(new(), issued(at=now - 2 * HOUR), Login()), now)
    await store.insert(record, ())
    return record


async def stored(store: GrantStore, config_id: str = CONFIG_ID) -> Record:
    record = await store.read(config_id)
    assert record is not None
    return record


def waiters(*numbers: int) -> list[Waiter]:
    return [Waiter(f"mail:{number}", {"principal": "mail"}) for number in numbers]


async def test_of_many_claims_at_once_one_gets_the_lease(store: GrantStore) -> None:
    await expired(store)
    claims = await asyncio.gather(*(store.claim([CONFIG_ID]) for _ in range(20)))
    assert sum(len(claim) for claim in claims) == 1


async def test_claims_of_overlapping_lists_share_nothing(store: GrantStore) -> None:
    record = await expired(store)
    ids = [CONFIG_ID]
    for number in range(2, 40):
        config_id = f"01900000-0000-7000-8000-{number:012d}"
        await store.insert(replace(record, config_id=config_id), ())
        ids.append(config_id)
    claims = await asyncio.gather(*(store.claim(ids) for _ in range(5)))
    claimed = [one.config_id for claim in claims for one in claim]
    assert sorted(claimed) == sorted(ids)


async def test_a_document_that_cannot_be_read_costs_its_neighbours_nothing_and_is_shown(
    store: GrantStore, reading: Reading
) -> None:
    record = await expired(store)
    ids = [f"01900000-0000-7000-8000-{number:012d}" for number in range(1, 11)]
    for config_id in ids[1:]:
        await store.insert(replace(record, config_id=config_id), ())
    broken = ids[4]
    mechanism = {"config.options.mechanism": "A-NEWER-VERSION-KNOWS-IT"}
    await store.collection.update_one({"_id": broken}, {"$set": mechanism})
    assert {one.config_id for one in await store.claim(ids)} == set(ids) - {broken}
    assert await store.claim([broken]) == []  # put off, and not by a lease that nobody ends
    document = await store.collection.find_one({"_id": broken})
    assert document is not None
    assert (document["lease"], document["grant"]["unknown"]) == (None, 0)
    assert [broken in problem for problem in reading.problems()] == [True]
    with pytest.raises(UnreadableDocument, match=broken):
        await store.read(broken)
    await store.collection.update_one({"_id": broken}, {"$set": {"config": to_document(record)["config"]}})
    assert (await stored(store, broken)).config_id == broken
    assert reading.problems() == []


async def test_a_question_waits_once_and_no_more_than_the_limit_wait(store: GrantStore) -> None:
    await expired(store)
    await store.append_waiters({CONFIG_ID: (1, waiters(1, 2))})
    await store.append_waiters({CONFIG_ID: (1, waiters(2, 3))})
    assert [waiter.id for waiter in (await stored(store)).waiters] == ["mail:1", "mail:2", "mail:3"]
    await store.append_waiters({CONFIG_ID: (1, waiters(*range(10, 300)))})
    assert len((await stored(store)).waiters) == WAITERS_MAX


async def test_who_has_stopped_listening_makes_room(store: GrantStore) -> None:
    await expired(store)
    now = store.time.now()
    gone = [replace(one, deadline=now - timedelta(seconds=1)) for one in waiters(*range(WAITERS_MAX))]
    await store.append_waiters({CONFIG_ID: (1, gone)})
    there = [replace(one, deadline=now + HOUR) for one in waiters(500)]
    await store.append_waiters({CONFIG_ID: (1, there + waiters(501))})
    assert [waiter.id for waiter in (await stored(store)).waiters] == ["mail:500", "mail:501"]


async def test_who_took_the_place_of_somebody_gone_is_answered_by_the_holder(store: GrantStore) -> None:
    """As many wait as before, but not the same ones: a count would not see it."""
    record = await expired(store)
    ids = [CONFIG_ID, CONFIG_ID[:-1] + "2"]
    await store.insert(replace(record, config_id=ids[1]), ())
    gone = [replace(one, deadline=store.time.now() - timedelta(seconds=1)) for one in waiters(1)]
    await store.append_waiters({CONFIG_ID: (1, gone)})
    claimed = await store.claim(ids)
    await store.append_waiters({CONFIG_ID: (1, waiters(2))})
    batches = BatchWrites(store)

    async def end(one: Record) -> Written | None:
        assert one.lease is not None
        after = settled(replace(one, lease=None), store.time.now())
        return await batches.end(one, after, (), lease=one.lease.token, answers_waiters=True, mark=SYSTEM_IDS.token(9))

    written = await asyncio.gather(*(end(one) for one in claimed), end(claimed[0]))
    answered = {one.record.config_id: [who.id for who in one.before.waiters] for one in written if one is not None}
    assert answered == {ids[0]: ["mail:2"], ids[1]: []}


async def test_nobody_waits_for_a_generation_that_is_over(store: GrantStore) -> None:
    before = await expired(store)
    await store.append_waiters({CONFIG_ID: (0, waiters(1))})
    assert await stored(store) == before


async def test_who_begins_to_wait_during_an_attempt_makes_nothing_due_and_is_handed_to_its_holder(
    store: GrantStore,
) -> None:
    await expired(store)
    [claimed] = await store.claim([CONFIG_ID])
    assert claimed.lease is not None
    await store.append_waiters({CONFIG_ID: (1, waiters(1, 2))})
    assert await store.claim([CONFIG_ID]) == []
    now = store.time.now()
    after = settled(replace(claimed, lease=None, waiters=()), now)
    written = await store.write(claimed, after, (), lease=claimed.lease.token, answers_waiters=True)
    assert written is not None
    assert [waiter.id for waiter in written.before.waiters] == ["mail:1", "mail:2"]
    assert (await stored(store)).waiters == ()


async def test_who_begins_to_wait_is_due_at_the_next_allowed_moment(store: GrantStore) -> None:
    record = await expired(store)
    now = store.time.now()
    held = settled(replace(record, not_before=now + HOUR, due=None), now)
    assert await store.write(record, replace(held, due=None), ()) is not None
    await store.append_waiters({CONFIG_ID: (1, waiters(1))})
    assert (await stored(store)).due == now + HOUR
    assert await store.claim([CONFIG_ID]) == []


async def test_a_lease_found_expired_means_that_an_outcome_is_unknown(store: GrantStore) -> None:
    await expired(store)
    [first] = await store.claim([CONFIG_ID])
    assert first.grant.unknown == 0
    past = {"lease.until": {"$subtract": ["$$NOW", 1]}, "due": {"$subtract": ["$$NOW", 1]}}
    await store.collection.update_one({"_id": CONFIG_ID}, [{"$set": past}])
    [second] = await store.claim([CONFIG_ID])
    assert second.grant.unknown == 1
    assert second.lease != first.lease
    [lost] = second.attempts
    assert (lost.outcome, lost.code) == ("ambiguous", "outcome_unknown")
    assert HOUR > store.time.now() - lost.at > timedelta(0)


async def test_a_lease_given_back_leaves_no_doubt_and_keeps_its_place(store: GrantStore) -> None:
    await expired(store)
    was_due = store.time.now() - HOUR
    await store.collection.update_one({"_id": CONFIG_ID}, {"$set": {"due": was_due}})
    [claimed] = await store.claim([CONFIG_ID])
    await store.release(claimed)
    assert (await stored(store)).due == was_due
    [again] = await store.claim([CONFIG_ID])
    assert (again.grant.unknown, again.attempts) == (0, ())


async def test_a_write_on_an_older_state_is_refused(store: GrantStore) -> None:
    record = await expired(store)
    now = store.time.now()
    newer = settled(changed(record, event(2, name="Renamed")), now)
    assert await store.write(record, newer, ()) is not None
    assert await store.write(record, settled(record, now), ()) is None
    assert (await stored(store)).config.name == "Renamed"


async def test_endings_that_are_stored_together_each_keep_what_happened_meanwhile(store: GrantStore) -> None:
    """Of four, one got a waiter, one another name, and one lost its lease."""
    record = await expired(store)
    ids = [CONFIG_ID, *(CONFIG_ID[:-1] + digit for digit in "234")]
    for config_id in ids[1:]:
        await store.insert(replace(record, config_id=config_id), ())
    claimed = {one.config_id: one for one in await store.claim(ids)}
    plain, waited, renamed, lost = (claimed[config_id] for config_id in ids)
    await store.append_waiters({waited.config_id: (1, waiters(1))})
    now = store.time.now()
    await store.write(renamed, settled(changed(renamed, event(2, name="Renamed")), now), ())
    await store.release(lost)

    batches = BatchWrites(store)

    async def end(one: Record) -> Written | None:
        assert one.lease is not None
        after = settled(replace(one, lease=None, failures=7), now)
        return await batches.end(one, after, (), lease=one.lease.token, answers_waiters=True, mark=SYSTEM_IDS.token(9))

    first, *others = await asyncio.gather(*(end(one) for one in (plain, plain, waited, renamed, lost)))
    results = dict(zip(("again", "waited", "renamed", "lost"), others, strict=True))
    assert first is not None
    assert results["waited"] is not None
    assert [waiter.id for waiter in results["waited"].before.waiters] == ["mail:1"]
    assert (results["again"], results["renamed"], results["lost"]) == (None, None, None)
    stored_failures = {one.config_id: one.failures for one in (await store.read_many(ids)).values()}
    assert stored_failures == {ids[0]: 7, ids[1]: 7, ids[2]: 0, ids[3]: 0}


@pytest.mark.parametrize("secret", ["\ud800", "x" * 17_000_000, "refused"], ids=["no text", "too large", "refused"])
async def test_an_ending_that_cannot_be_written_costs_the_others_of_its_batch_nothing(
    store: GrantStore, secret: str
) -> None:
    good, bad, other = await claimed_together(store, 3)
    rule = {"secret": {"$ne": "refused"}}
    await store.collection.database.command("collMod", store.collection.name, validator=rule)
    batches = BatchWrites(store)
    endings = [replace(one, secret=secret if one is bad else "sealed", lease=None) for one in (good, bad, other)]
    pairs = zip((good, bad, other), endings, strict=True)
    outcomes = await asyncio.gather(*(end(batches, one, after) for one, after in pairs), return_exceptions=True)
    assert [isinstance(outcome, Written) for outcome in outcomes] == [True, False, True]
    assert isinstance(outcomes[1], Exception)
    secrets = {config_id: one.secret for config_id, one in (await store.read_many(ids_of(good, bad, other))).items()}
    assert secrets == {good.config_id: "sealed", bad.config_id: None, other.config_id: "sealed"}


@pytest.mark.parametrize("together", [1, 2])
async def test_an_ending_that_is_repeated_after_an_error_is_found_by_its_mark(store: GrantStore, together: int) -> None:
    """Its first try had come through, and only the reply was lost; who waits is answered now."""
    claimed = await claimed_together(store, together)
    batches, ended = BatchWrites(store), [replace(one, lease=None, failures=7) for one in claimed]
    for _ in range(2):
        pairs = zip(claimed, ended, strict=True)
        written = await asyncio.gather(*(end(batches, one, after, mark=one.config_id) for one, after in pairs))
        assert [one is not None and one.record.failures for one in written] == [7] * together
    assert await end(batches, claimed[0], ended[0], mark="another") is None


def ids_of(*records: Record) -> list[str]:
    return [record.config_id for record in records]


async def claimed_together(store: GrantStore, number: int) -> list[Record]:
    record = await expired(store)
    ids = [CONFIG_ID, *(CONFIG_ID[:-1] + str(digit) for digit in range(2, number + 1))]
    for config_id in ids[1:]:
        await store.insert(replace(record, config_id=config_id), ())
    return sorted(await store.claim(ids), key=lambda one: one.config_id)


async def end(batches: BatchWrites, before: Record, after: Record, mark: str = "") -> Written | None:
    assert before.lease is not None
    settled_record = settled(after, before.changed_at)
    return await batches.end(
        before, settled_record, (), lease=before.lease.token, answers_waiters=True, mark=mark or SYSTEM_IDS.token(9)
    )


async def test_a_name_and_a_former_name_find_their_config(store: GrantStore) -> None:
    record = await expired(store)
    now = store.time.now()
    renamed = settled(changed(record, event(2, name="New name", former_names=("Support",))), now)
    await store.write(record, renamed, ())
    other = replace(new(name="Old one", former_names=("New name",)), config_id=CONFIG_ID[:-1] + "2")
    await store.insert(other, ())
    found = await store.resolve(["new  NAME", "Support", "Old one", "nobody", CONFIG_ID])
    assert {name: one.config_id[-1] for name, one in found.items()} == {
        "new  NAME": "1",
        "Support": "1",
        "Old one": "2",
        CONFIG_ID: "1",
    }


async def test_times_are_the_database_s(store: GrantStore) -> None:
    await expired(store)
    [claimed] = await store.claim([CONFIG_ID])
    assert claimed.lease is not None
    assert timedelta(seconds=15) < claimed.lease.until - store.time.now() <= timedelta(seconds=20)
