"""Request and reply with the library that mail modules use."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from grantkeeper.bus.received import Received, ReplyTo
from grantkeeper.bus.reply import failure, success
from grantkeeper.bus.topics import ensure_reply_topic
from grantkeeper_client import Asker, ReplyError
from schemas.config_commands import ConfigGet
from schemas.token_requests import TokenStatusGet
from schemas.topics import CONFIG_COMMANDS, TOKEN_REQUESTS
from tests.integration.bus.installation import (
    SHAPES,
    TOPIC_OF,
    Installation,
    Shape,
    consuming,
    message,
    number_of,
    running,
    subscribe,
)
from tests.servers import KafkaServer
from tests.waiting import wait_until


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_question_is_answered_to_its_asker_alone(installation: Installation, shape: Shape) -> None:
    async def handle(messages: Sequence[Received]) -> None:
        await installation.replier.many([(one, success({"n": number_of(one), "to": one.actor})) for one in messages])

    broker = installation.broker()
    subscribe(broker, shape, installation.gate(TOPIC_OF[shape]), handle)
    await installation.registered("console", acts_for_users=True)
    async with (
        consuming(broker),
        Asker(installation.credential("admin")) as admin,
        Asker(installation.credential("console")) as console,
    ):
        kind = message(shape).TYPE
        answers = await asyncio.gather(
            *(admin.ask(TOPIC_OF[shape], kind, {"config": f"config {n}"}, actor="mallory") for n in range(20)),
            console.ask(TOPIC_OF[shape], kind, {"config": "config 99"}, actor="jo"),
        )
    assert [dict(one) for one in answers] == [
        *({"n": n, "to": "admin"} for n in range(20)),
        {"n": 99, "to": "jo"},
    ], "an actor counts only from a principal that acts for users"


async def test_an_error_arrives_with_all_it_says(installation: Installation) -> None:
    async def handle(messages: Sequence[Received]) -> None:
        reply = failure("revision_conflict", "it is 3 by now", facts={"revision": 3})
        await installation.replier.many([(one, reply) for one in messages])

    broker = installation.broker()
    subscribe(broker, "command", installation.gate(CONFIG_COMMANDS), handle)
    async with consuming(broker), Asker(installation.credential("admin")) as asker:
        with pytest.raises(ReplyError) as raised:
            await asker.ask(CONFIG_COMMANDS, ConfigGet.TYPE, {"config": "x"})
    assert (raised.value.code, raised.value.facts, raised.value.retryable) == (
        "revision_conflict",
        {"revision": 3},
        False,
    )


async def test_a_principal_that_is_just_being_registered_is_answered_in_the_end(installation: Installation) -> None:
    """The first answer is `not_caught_up`; the library asks again within its deadline."""

    async def handle(messages: Sequence[Received]) -> None:
        await installation.replier.many([(one, success({})) for one in messages])

    await ensure_reply_topic(installation.settings, "newcomer")
    broker = installation.broker()
    subscribe(broker, "stream", installation.gate(TOKEN_REQUESTS), handle)
    async with consuming(broker), Asker(installation.credential("newcomer")) as asker:
        asking = asyncio.create_task(asker.ask(TOKEN_REQUESTS, TokenStatusGet.TYPE, {"config": "x"}))
        await wait_until(lambda: _was_refused(installation))
        await installation.register("newcomer")
        assert await asking == {}


async def _was_refused(installation: Installation) -> bool:
    return any(one["error"]["code"] == "not_caught_up" for one in (await installation.replies("newcomer")).values())


async def test_a_second_try_reaches_another_partition_while_one_is_stuck(kafka: KafkaServer, prefix: str) -> None:
    async with running(kafka.bootstrap_servers, prefix, partitions=2) as installation:
        stuck, entered = asyncio.Event(), list[Received]()

        async def handle(messages: Sequence[Received]) -> None:
            entered.extend(messages)
            if len({one.place.partition for one in entered}) < 2:
                await stuck.wait()
            await installation.replier.many([(one, success({"partition": one.place.partition})) for one in messages])

        brokers = [installation.broker(), installation.broker()]
        subscriptions = [subscribe(one, "stream", installation.gate(TOKEN_REQUESTS), handle) for one in brokers]
        async with consuming(*brokers), Asker(installation.credential("admin")) as asker:
            await wait_until(lambda: all(one.handover.assigned for one in subscriptions))
            answer = await asker.ask(
                TOKEN_REQUESTS, TokenStatusGet.TYPE, {"config": "x"}, deadline=timedelta(seconds=8)
            )
            stuck.set()
    first, second = entered
    assert first.place.partition != second.place.partition == answer["partition"]
    assert first.envelope == second.envelope, "the same question: same id, same signature"


async def test_a_waiter_kept_in_a_document_is_answered_by_another_process(installation: Installation) -> None:
    question = installation.question(message("stream"))
    to = ReplyTo("admin", 1, "r1", question.correlation_id or "")
    await installation.replier.many([(ReplyTo.from_dict(to.to_dict()), success({"late": True}))])
    assert (await installation.replies())[to.correlation_id] == {"ok": True, "result": {"late": True}}
