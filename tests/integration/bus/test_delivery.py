"""Nothing is lost and order is kept: over failing handlers, kill -9, and members that come and go."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from devstack.child import tied
from grantkeeper.bus import delivery
from grantkeeper.bus.consume import stream
from grantkeeper.bus.errors import Unavailable
from grantkeeper.bus.gate import Decided, Gate
from grantkeeper.bus.messages import Record
from grantkeeper.bus.received import Received, ReceivedEvent
from grantkeeper.process.clock import SYSTEM_CLOCK
from schemas.topics import CONFIG_EVENTS
from tests.integration.bus.installation import (
    CONFIG_ID,
    SHAPES,
    TOPIC_OF,
    Installation,
    Shape,
    an_event,
    consuming,
    message,
    number_of,
    running,
    subscribe,
)
from tests.servers import KafkaServer
from tests.waiting import wait_until

each_shape = pytest.mark.parametrize("shape", SHAPES)


@each_shape
async def test_messages_sent_before_the_first_start_are_handled_in_order(
    installation: Installation, shape: Shape
) -> None:
    await installation.send(*(installation.question(message(shape, n)) for n in range(20)))
    handled: list[int] = []

    async def note(messages: Sequence[Received]) -> None:
        handled.extend(number_of(one) for one in messages)

    broker = installation.broker()
    subscribe(broker, shape, installation.gate(TOPIC_OF[shape]), note)
    async with consuming(broker):
        await wait_until(lambda: len(handled) >= 20)
    assert handled == list(range(20))


@each_shape
@pytest.mark.parametrize("failure", [Unavailable("MongoDB: away"), KeyError("a mistake in a handler")])
async def test_a_message_whose_handler_failed_comes_again_and_later_ones_wait(
    installation: Installation, shape: Shape, failure: Exception
) -> None:
    handled: list[int] = []
    tries = 0

    async def note(messages: Sequence[Received]) -> None:
        nonlocal tries
        if any(number_of(one) == 2 for one in messages) and tries < 2:
            tries += 1
            raise failure
        handled.extend(number_of(one) for one in messages)

    broker = installation.broker()
    subscribe(broker, shape, installation.gate(TOPIC_OF[shape]), note)
    await installation.send(*(installation.question(message(shape, n)) for n in range(5)))
    async with consuming(broker):
        await wait_until(lambda: len(handled) >= 5)
    assert handled == list(range(5))
    assert tries == 2
    assert await installation.letters() == []


@each_shape
async def test_a_message_that_meets_a_mistake_is_answered_and_buried_and_its_neighbours_go_on(
    installation: Installation, shape: Shape
) -> None:
    handled: list[int] = []

    async def note(messages: Sequence[Received]) -> None:
        if any(number_of(one) == 2 for one in messages):
            raise KeyError("s3cret")
        handled.extend(number_of(one) for one in messages)

    questions = [installation.question(message(shape, n)) for n in range(5)]
    places = await installation.send(*questions)
    broker = installation.broker()
    subscribe(broker, shape, installation.gate(TOPIC_OF[shape]), note)
    async with consuming(broker):
        await wait_until(lambda: len(handled) >= 4)
        await wait_until(lambda: broker.problems() == [])
    assert handled == [0, 1, 3, 4]
    (letter,) = await installation.letters()
    assert (letter.offset, letter.reason, letter.detail) == (places[2].offset, "handler_failed", "KeyError")
    replies = await installation.replies()
    error = replies[questions[2].correlation_id or ""]["error"]
    assert (error["code"], error["retryable"]) == ("internal_error", False)
    assert f"partition {places[2].partition}, offset {places[2].offset} of {places[2].topic}" in error["message"]
    assert "s3cret" not in str(replies)
    assert len(replies) == 1


async def test_events_are_not_emptied_into_the_dead_letters_by_a_mistake_that_meets_all_of_them(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "MOST_GIVEN_UP", 3)
    events = [
        installation.publisher.event(an_event(n), id=str(n), time=installation.now(), key=CONFIG_ID)
        for n in range(1, 9)
    ]
    await installation.publisher.publish_many(events)
    cured = False
    handled: list[int] = []

    async def note(messages: Sequence[ReceivedEvent]) -> None:
        if not cured:
            raise KeyError("a mistake for all")
        handled.extend(int(one.envelope.id) for one in messages)

    broker = installation.broker()
    stream(broker, installation.service_gate(CONFIG_EVENTS), group="test", handler=note)
    async with consuming(broker):
        await wait_until(lambda: broker.subscriptions[0].flight.given_up == 3, deadline=60)
        await wait_until(lambda: "(KeyError)" in "".join(broker.problems()), deadline=60)
        cured = True
        await wait_until(lambda: handled and handled[-1] == 8, deadline=60)
    assert handled[-5:] == [4, 5, 6, 7, 8], "after the mistake is cured, what was held goes on"
    assert [one.reason for one in await installation.letters()] == ["handler_failed"] * 3


async def test_a_record_that_admission_itself_fails_on_keeps_no_neighbour_out(installation: Installation) -> None:
    whole = installation.gate(TOPIC_OF["stream"])

    def decide(record: Record, now: datetime) -> Received | Decided:
        if record.offset == 1:
            raise RecursionError
        return whole._decide(record, now)

    gate = Gate(whole.topic, decide, installation.dead_letters, installation.replier, SYSTEM_CLOCK)
    handled: list[int] = []

    async def note(messages: Sequence[Received]) -> None:
        handled.extend(number_of(one) for one in messages)

    await installation.send(*(installation.question(message("stream", n)) for n in range(3)))
    broker = installation.broker()
    subscribe(broker, "stream", gate, note)
    async with consuming(broker):
        await wait_until(lambda: len(handled) >= 2)
    assert handled == [0, 2]
    assert [(one.offset, one.reason) for one in await installation.letters()] == [(1, "handler_failed")]


@each_shape
async def test_a_handler_that_keeps_failing_is_given_up_uncommitted_at_stop_and_goes_on_after_a_restart(
    installation: Installation, shape: Shape
) -> None:
    failing = installation.broker()
    failed = asyncio.Event()

    async def fail(_messages: Sequence[Received]) -> None:
        failed.set()
        raise Unavailable("MongoDB: away")

    subscribe(failing, shape, installation.gate(TOPIC_OF[shape]), fail)
    await installation.send(installation.question(message(shape, 7)))
    async with consuming(failing):
        await failed.wait()
        await wait_until(failing.problems)
        assert "handler fails" in failing.problems()[0]
    handled: list[int] = []

    async def note(messages: Sequence[Received]) -> None:
        handled.extend(number_of(one) for one in messages)

    working = installation.broker()
    subscribe(working, shape, installation.gate(TOPIC_OF[shape]), note)
    async with consuming(working):
        await wait_until(lambda: handled)
    assert handled == [7]


@each_shape
async def test_what_was_committed_does_not_come_again_after_a_restart(installation: Installation, shape: Shape) -> None:
    handled: list[int] = []

    async def note(messages: Sequence[Received]) -> None:
        handled.extend(number_of(one) for one in messages)

    for n in range(3):
        broker = installation.broker()
        subscribe(broker, shape, installation.gate(TOPIC_OF[shape]), note)
        await installation.send(installation.question(message(shape, n)))
        async with consuming(broker):
            await wait_until(lambda: len(handled) > n)  # noqa: B023 - awaited at once
    assert handled == [0, 1, 2]


@each_shape
async def test_a_killed_process_loses_nothing(installation: Installation, shape: Shape, tmp_path: Path) -> None:
    """Killed between the effect and the commit: the effect may come twice, never not at all."""
    effects = tmp_path / "effects"
    questions = [installation.question(message(shape, n)) for n in range(30)]
    await installation.send(*questions[:15])
    passage = 5 if shape == "command" else 1
    with member(installation, shape, effects, tmp_path, failpoint=f"kill@bus.handled:{passage}") as killed:
        await asyncio.to_thread(killed.wait, 30)
    assert killed.returncode == -9
    before = noted(effects)
    assert before
    await installation.send(*questions[15:])
    with member(installation, shape, effects, tmp_path):
        await wait_until(lambda: set(noted(effects)) == set(range(30)), deadline=60)  # a process starts meanwhile
    after = noted(effects)[len(before) :]
    assert after[0] == (before[-1] if shape == "command" else 0), "the uncommitted effect comes again"
    assert after == list(range(after[0], 30)), "and nothing else twice, nothing out of order"


@each_shape
async def test_a_member_that_joins_while_a_handler_runs_repeats_nothing(
    kafka: KafkaServer, prefix: str, shape: Shape
) -> None:
    handled: list[tuple[str, int]] = []
    entered, release = asyncio.Event(), asyncio.Event()

    async def slow(messages: Sequence[Received]) -> None:
        entered.set()
        await release.wait()
        handled.extend(("first", number_of(one)) for one in messages)

    async def quick(messages: Sequence[Received]) -> None:
        handled.extend(("second", number_of(one)) for one in messages)

    async with running(kafka.bootstrap_servers, prefix, partitions=4) as installation:
        first, second = installation.broker(), installation.broker()
        subscription = subscribe(first, shape, installation.gate(TOPIC_OF[shape]), slow)
        joining = subscribe(second, shape, installation.gate(TOPIC_OF[shape]), quick)
        for n in range(40):
            await installation.send(installation.question(message(shape, n)), partition=n % 4)
        async with consuming(first):
            await entered.wait()
            start = asyncio.create_task(second.start())
            await wait_until(subscription.flight.leaving.is_set)
            # A group of two that does not wait for a handler has moved the partitions long before.
            with pytest.raises(AssertionError, match="not within"):
                await wait_until(lambda: joining.handover.assigned, deadline=2)
            release.set()
            await start
            await wait_until(lambda: joining.handover.assigned)
            await wait_until(lambda: len({n for _, n in handled}) == 40)
            await second.stop()
    assert sorted(n for _, n in handled) == list(range(40)), "each exactly once"
    assert {who for who, _ in handled} == {"first", "second"} or shape == "stream"


@each_shape
async def test_partitions_are_not_held_up_by_a_handler_that_fails(
    kafka: KafkaServer, prefix: str, shape: Shape
) -> None:
    """A failing member stops trying when the group wants its partitions: another one may reach its database."""
    handled: list[int] = []

    async def fail(_messages: Sequence[Received]) -> None:
        raise Unavailable("MongoDB: away from here")

    async def note(messages: Sequence[Received]) -> None:
        handled.extend(number_of(one) for one in messages)

    async with running(kafka.bootstrap_servers, prefix, partitions=2) as installation:
        failing, working = installation.broker(), installation.broker()
        subscription = subscribe(failing, shape, installation.gate(TOPIC_OF[shape]), fail)
        subscribe(working, shape, installation.gate(TOPIC_OF[shape]), note)
        async with consuming(failing):
            for n in range(2):
                await installation.send(installation.question(message(shape, n)), partition=n)
            await wait_until(lambda: subscription.flight.failing)
            async with consuming(working):
                await wait_until(lambda: len(handled) == 1)
                await failing.stop()
                await wait_until(lambda: sorted(handled) == [0, 1])


@each_shape
async def test_a_consumer_whose_task_has_ended_is_a_problem(installation: Installation, shape: Shape) -> None:
    """A ping of the broker would still be answered."""

    async def note(_messages: Sequence[Received]) -> None: ...

    broker = installation.broker()
    subscription = subscribe(broker, shape, installation.gate(TOPIC_OF[shape]), note)
    async with consuming(broker):
        await wait_until(lambda: not broker.problems())
        for task in subscription.subscriber.tasks:
            task.cancel()
        await wait_until(lambda: broker.problems() == [f"{TOPIC_OF[shape]}: consumer task has ended"])


@contextmanager
def member(
    installation: Installation, shape: Shape, effects: Path, folder: Path, failpoint: str = ""
) -> Iterator[subprocess.Popen[bytes]]:
    ring = folder / "auth.ring.json"
    if not ring.exists():
        ring.touch(mode=0o600)
        ring.write_text(installation.ring.to_json())
    settings = installation.settings
    arguments = [settings.bootstrap_servers, settings.prefix, str(ring), shape, str(effects), failpoint]
    with (folder / "log").open("ab") as log:
        command = tied([sys.executable, "-m", "tests.integration.bus.member", *arguments])
        process = subprocess.Popen(command, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def noted(effects: Path) -> list[int]:
    return [int(line) for line in effects.read_text().split()] if effects.exists() else []
