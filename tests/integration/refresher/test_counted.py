"""What a hit and a refresh cost, counted by the servers themselves: MongoDB's profiler and Kafka's offsets."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from grantkeeper.process.clock import SYSTEM_CLOCK
from schemas.token_requests import TokenGet
from services.refresher.due_store import DueStore, due_pipeline
from services.refresher.engine_store import EngineStore, clients_pipeline
from tests.integration.refresher.service import CLIENT_ID, Service
from tests.waiting import wait_until

if TYPE_CHECKING:
    from devstack.provider.server import ProviderThread

BACKGROUND = ("outbox_at", "suspects.0", "by_end", "grant.shared_with")
"""Fields of the queries that loops make every second or minute, whatever happens."""


async def profiled(service: Service) -> list[dict[str, Any]]:
    """The operations of refreshers since the profiler was switched on, without those of idle loops."""
    condition = {"appName": "grantkeeper-refresher", "ns": {"$not": {"$regex": "system.profile"}}}
    found = await service.database["system.profile"].find(condition).sort("ts").to_list(None)
    return [one for one in found if not is_idle(one)]


def is_idle(operation: dict[str, Any]) -> bool:
    if operation["ns"].endswith(".engine"):
        return True
    command = operation.get("command", {})
    if "aggregate" in command:
        return not operation.get("keysExamined") or command.get("hint") == "fingerprint"
    of_the_client = operation["ns"].endswith(".clients")  # its secrets: read once in some seconds, for all its grants
    idle = of_the_client or any(field in repr(command) for field in BACKGROUND)
    return "ping" in command or (operation["op"] == "query" and idle)


def kinds(operations: list[dict[str, Any]]) -> list[str]:
    return [next(iter(one["command"])) if one["op"] == "command" else one["op"] for one in operations]


async def test_a_batch_of_hits_costs_one_read_no_write_and_one_record_each(
    service: Service, provider: "ProviderThread"
) -> None:
    config_id = await service.insert(service.config())
    await service.plant(config_id, provider.control.mint("strict", ["amy"], client_id=CLIENT_ID)[0])
    asked = [service.house.command(TokenGet(config=config_id), "mail") for _ in range(40)]
    await service.house.send(*asked, partition=0)
    await service.database.command("profile", 2)
    async with service.running():
        await service.house.answers_to(asked[-1], principal="mail")
        operations = [one for one in await profiled(service) if one["op"] == "query"]
        writes = [one for one in await profiled(service) if one["op"] in {"update", "insert"}]
        answers = await service.house.replies("mail")
    assert len(operations) == 1
    assert writes == []
    assert [len(answers[one.correlation_id or ""]) for one in asked] == [1] * 40


async def refreshed(service: Service, config_id: str, generation: int) -> bool:
    """Whether it is, and told."""
    document = await service.store.collection.find_one({"_id": config_id})
    return document is not None and document["grant"]["generation"] == generation and not document.get("outbox")


async def test_a_refresh_costs_one_call_at_most_four_round_trips_and_two_records(
    service: Service, provider: "ProviderThread"
) -> None:
    config_id = await service.insert(service.config())
    async with service.running():
        first, minted = provider.control.mint("strict", ["amy", "amy"], client_id=CLIENT_ID)
        await service.plant(config_id, first, age=timedelta(hours=2))
        await wait_until(lambda: refreshed(service, config_id, 2))  # the first one proves the client's secret besides
        await service.database.command("profile", 2)
        await service.plant(config_id, minted, age=timedelta(hours=2))

        await wait_until(lambda: refreshed(service, config_id, 4))
        operations = await profiled(service)
        events = await service.token_events(config_id)
    assert len(provider.control.journal()) == 2
    assert kinds(operations) == ["aggregate", "findAndModify", "findAndModify", "update"]
    assert [event.happened for event in events] == ["refreshed", "refreshed"]


async def test_a_look_for_what_is_due_examines_no_more_keys_than_it_claims(service: Service) -> None:
    """A hundred of them belong to a paused client, three hundred are due later."""
    paused = await service.insert(service.config("paused", client_id="paused"))
    first = await service.insert(service.config("first"))
    rows = [await service.store.collection.find_one({"_id": one}) for one in (paused, first)]
    now = SYSTEM_CLOCK.now()
    copies: list[dict[str, Any]] = []
    for row, name, number, due in ((rows[0], "p", 100, -1), (rows[1], "later", 300, 1), (rows[1], "due", 10, -1)):
        assert row is not None
        copies += [
            {**row, "_id": f"{name} {n}", "due": now + timedelta(hours=due), "names": [f"{name} {n}"]}
            for n in range(number)
        ]
    await service.store.collection.insert_many(copies)
    fault = {"fault": {"code": "invalid_client"}, "probe_at": now + timedelta(hours=1)}
    await service.database.clients.update_one({"client_id": "paused"}, {"$set": fault})
    (found,) = await DueStore(service.database).due(50)
    assert len(found.due) == 10
    explained = await service.database.command(
        "explain",
        {"aggregate": "clients", "pipeline": due_pipeline(50), "cursor": {}},
        verbosity="executionStats",
    )
    lookups = [stage for stage in explained["stages"] if "$lookup" in stage]
    assert sum(lookup["totalKeysExamined"] for lookup in lookups) == len(found.due)
    assert [lookup["collectionScans"] for lookup in lookups] == [0, 0]


async def test_what_clients_add_up_to_is_counted_by_index_alone(service: Service) -> None:
    config_id = await service.insert(service.config(options={"client_secret_ends": "2031-05-06"}))
    row = await service.store.collection.find_one({"_id": config_id})
    assert row is not None
    copies = [{**row, "_id": f"copy {n}", "names": [f"copy {n}"], "deleted": n % 2 == 0} for n in range(20)]
    await service.store.collection.insert_many(copies)
    (used,) = await EngineStore(service.database).clients(200)
    assert (used.tokens, used.secret_ends) == (11, "2031-05-06")
    explained = await service.database.command(
        "explain",
        {"aggregate": "clients", "pipeline": clients_pipeline(200), "cursor": {}},
        verbosity="executionStats",
    )
    (lookup,) = [stage for stage in explained["stages"] if "$lookup" in stage]
    assert (lookup["totalDocsExamined"], lookup["collectionScans"]) == (0, 0)
    assert lookup["totalKeysExamined"] <= 12


async def test_a_client_that_was_stored_before_there_were_breakers_counts_as_one_that_may_send(
    service: Service,
) -> None:
    config_id = await service.insert(service.config())
    await service.due_now(config_id)
    await service.database.clients.update_many({}, {"$unset": {"openings": ""}})
    assert (await EngineStore(service.database).numbers(20)).due_now == 1


async def test_a_look_for_access_tokens_that_are_over_examines_those_alone(service: Service) -> None:
    config_id = await service.insert(service.config())
    row = await service.store.collection.find_one({"_id": config_id})
    assert row is not None
    now = SYSTEM_CLOCK.now()
    copies: list[dict[str, Any]] = []
    for state, hours in (("active", -1), ("active", 1), ("expired", -1), ("off", -1)):
        grant = {**row["grant"], "expires_at": now + timedelta(hours=hours)}
        names = [f"{state} {hours} {n}" for n in range(20)]
        copies += [{**row, "_id": name, "names": [name], "state": state, "grant": grant} for name in names]
    await service.store.collection.insert_many(copies)
    await service.database.command("profile", 2)
    assert len(await DueStore(service.database).over(100)) == 20
    condition = {"op": "query", "ns": {"$regex": "grants$"}}
    (looked,) = await service.database["system.profile"].find(condition).to_list(None)
    assert looked["keysExamined"] <= 20 + 2
