"""Nonsense of every kind between good commands: refused by name, nothing of it stored, nothing else lost."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import uuid_utils
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from devstack.processes import answers_ok
from grantkeeper.crypto.ring import AuthRing
from grantkeeper_client import Asker, Envelope, ReplyError, encode, load_credential, sign
from schemas.dead_letters import DeadLetter
from tests.e2e.running_stack import RunningStack, running_stack
from tests.waiting import wait_until

TEMPLATE = "local-provider"
CONFIG = "Config: {ClientID: x, Scope: y}"
GOOD_NAMES = ("Ordinary", "Müller & Söhne", "a/b\\c", "'\"{}[]:#", "x" * 250)
REFUSED_NAMES = ("", " ", "a\x00b", "a\x1bb", "x" * 251)
TEXTS = {
    "a duplicate key": "Name: A\nName: B\n" + CONFIG,
    "an anchor": "Name: &a A\nConfig: {ClientID: *a}",
    "a tag": "Name: !!python/object/apply:os.system [id]\n" + CONFIG,
    "a wrong type": "Name: [A]\n" + CONFIG,
    "no mapping": "just a text",
    "a control character": "Name: A\x01\n" + CONFIG,
    "a depth without end": "Name: A\nConfig: " + "{a: " * 50 + "x" + "}" * 50,
}
TOPICS = ("config.commands", "token.requests", "notification.commands")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("bad")) as running:
        yield running


@pytest.fixture
async def admin(stack: RunningStack) -> AsyncIterator[Asker]:
    async with Asker(load_credential(stack.layout.credential("admin"))) as asker:
        yield asker


async def command(admin: Asker, type_: str, data: Mapping[str, Any], topic: str = "config.commands") -> Any:
    return await admin.ask(topic, f"grantkeeper.{type_}.v1", data, key=b"k", deadline=timedelta(seconds=30))


async def refusal(admin: Asker, type_: str, data: Mapping[str, Any], topic: str = "config.commands") -> str:
    with pytest.raises(ReplyError) as refused:
        await command(admin, type_, data, topic)
    assert refused.value.args[0], "a sentence"
    return refused.value.code


def creation(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "config_id": str(uuid_utils.uuid7()),
        "template": TEMPLATE,
        "fields": {"name": name, "client_id": "x", **fields},
    }


async def names(admin: Asker) -> set[str]:
    """Of all configs that are stored."""
    page = await command(admin, "token.list", {"limit": 200}, "token.requests")
    return {row["name"] for row in page["rows"]}


@pytest.mark.timeout(180)
async def test_nonsense_is_refused_by_name_and_good_commands_between_are_done(
    stack: RunningStack, admin: Asker
) -> None:
    before = await names(admin)
    good = creation("The first")
    await command(admin, "config.create", good)

    for name in REFUSED_NAMES:
        assert await refusal(admin, "config.create", creation(name)) == "invalid_field", name
    for name in GOOD_NAMES:
        assert (await command(admin, "config.create", creation(name)))["revision"] == 1, name

    unknown_template = creation("Never") | {"template": "No such template"}
    assert await refusal(admin, "config.create", unknown_template) == "template_unknown"
    assert await refusal(admin, "config.create", creation("Never", colour="red")) == "invalid_field"
    assert await refusal(admin, "config.create", creation("The first")) == "name_taken"
    assert await refusal(admin, "config.explode", {}) == "unknown_type"
    edit = {"config_id": good["config_id"], "expected_revision": 7, "fields": {"name": "Never"}}
    assert await refusal(admin, "config.update", edit) == "revision_conflict"
    too_long = {"config_id": good["config_id"], "expected_revision": 1, "text": "x" * 900_000}
    assert await refusal(admin, "config.update", too_long) == "invalid_field"
    assert await refusal(admin, "token.get", {"config": "Never"}, "token.requests") == "not_found"
    assert await refusal(admin, "notification.acknowledge", {"cause": 7}, "notification.commands") == "invalid_field"

    report = await import_texts(admin)
    assert {what: outcome for what, outcome in report.items() if outcome != "refused"} == {}
    await wait_until(lambda: all_known(admin, before | {"The first", *GOOD_NAMES}))
    services = ("config_service", "refresher", "notifier", "console")
    assert [one for one in services if not answers_ok(f"{stack.layout.url(f'{one} health')}/readyz")] == []


async def import_texts(admin: Asker) -> dict[str, str]:
    """What became of each text, in one import."""
    records = [
        {"index": number, "line": number + 1, "config_id": str(uuid_utils.uuid7()), "text": text}
        for number, text in enumerate(TEXTS.values())
    ]
    data = {"import_id": str(uuid_utils.uuid7()), "chunk": 0, "records": records}
    report = await command(admin, "config.import", data)
    for one in report["records"]:
        assert one["findings"][0]["message"], one
        assert one["findings"][0]["cure"], one
    return dict(zip(TEXTS, [one["outcome"] for one in report["records"]], strict=True))


async def all_known(admin: Asker, expected: set[str]) -> bool:
    """All that are good, and nothing else."""
    return await names(admin) == expected


@pytest.mark.timeout(120)
async def test_what_nobody_signed_becomes_a_dead_letter_by_place_and_reason(stack: RunningStack, admin: Asker) -> None:
    key = AuthRing.from_file(stack.layout.rings / "auth.ring.json").principal_key("admin", 1)
    servers = f"127.0.0.1:{stack.layout.port('Kafka')}"
    expected: dict[tuple[str, int, int], str] = {}
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        for topic in TOPICS:
            good = sign(question(topic), key)
            sent = {
                "unsigned": replace(good, signature=None),
                "wrong_signature": replace(good, value=b'{"config":"another"}'),
                "malformed_signature": replace(good, signature="v1;admin"),
            }
            for reason, one in sent.items():
                place = await producer.send_and_wait(one.topic, one.value, key=one.key, headers=encode(one))
                expected[place.topic, place.partition, place.offset] = reason
            place = await producer.send_and_wait(good.topic, b"\xff", key=b"k")
            expected[place.topic, place.partition, place.offset] = "malformed_envelope"
    await command(admin, "template.list", {})

    async def told() -> bool:
        return expected.items() <= (await dead_letters(servers)).items()

    await wait_until(told, 30)


def question(topic: str) -> Envelope:
    now = datetime.now(UTC).replace(microsecond=0)
    return Envelope(
        topic=f"grantkeeper.{topic}",
        key=b"k",
        id=str(uuid_utils.uuid7()),
        type="grantkeeper.config.get.v1",
        source="/principals/admin",
        time=now,
        expirytime=now + timedelta(seconds=60),
        value=b'{"config":"one"}',
        correlation_id=str(uuid_utils.uuid7()),
    )


async def dead_letters(servers: str) -> dict[tuple[str, int, int], str]:
    found: dict[tuple[str, int, int], str] = {}
    consumer = AIOKafkaConsumer("grantkeeper.dead-letters", bootstrap_servers=servers, auto_offset_reset="earliest")
    async with consumer:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        while any([await consumer.position(one) < end for one, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=100)).values():
                letters = [DeadLetter.model_validate_json(one.value) for one in records]
                found |= {(one.topic, one.partition, one.offset): one.reason for one in letters}
    return found
