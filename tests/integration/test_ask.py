"""The asker against a real broker: whose answers it takes, when it asks again, what it says when nobody answers."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer

from grantkeeper_client import Asker, Envelope, MalformedMessage, NoReply, ReplyError, SigningKey, verify
from tests.integration.answering import AUTH_RING, AnsweringService, failed, ok, signed_by, with_fields
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.servers import KafkaServer

TYPE = "grantkeeper.token.get.v1"
SOON = timedelta(seconds=0.8)


@pytest.fixture
async def service(kafka: "KafkaServer", prefix: str) -> AsyncIterator[AnsweringService]:
    async with AnsweringService(kafka.bootstrap_servers, prefix).running() as running:
        yield running


@pytest.fixture
async def asker(service: AnsweringService) -> AsyncIterator[Asker]:
    async with Asker(service.credential) as running:
        yield running


async def test_a_question_gets_its_answer(service: AnsweringService, asker: Asker) -> None:
    service.answer = lambda question: [ok(you_asked=question.id)]
    answer = await asker.ask("token.requests", TYPE, {"config": "a"}, key=b"k", subject="s", message_id="m-1")
    assert answer == {"you_asked": "m-1"}
    [(_, question)] = service.taken
    assert verify(question, service.credential.signer())
    assert (question.source, question.type, question.key, question.subject) == ("/principals/mail-1", TYPE, b"k", "s")
    assert question.expirytime is not None  # and is read from two clocks
    assert abs(question.expirytime - question.time - timedelta(seconds=10)) < timedelta(seconds=1)
    assert answer.correlation_id == question.correlation_id
    assert service.asked == [{"config": "a"}]


async def test_the_actor_travels_only_where_there_is_one(service: AnsweringService, asker: Asker) -> None:
    service.answer = lambda _: [ok()]
    await asker.ask("token.requests", TYPE, {"config": "a"}, actor="Eve")
    assert service.asked == [{"config": "a", "actor": "Eve"}]


async def test_many_questions_at_once_each_get_their_own_answer(service: AnsweringService, asker: Asker) -> None:
    service.answer = lambda question: [ok(you_asked=question.id)]
    minute = timedelta(minutes=1)
    asked = [asker.ask("token.requests", TYPE, {}, message_id=f"m-{n}", deadline=minute) for n in range(200)]
    assert await asyncio.gather(*asked) == [{"you_asked": f"m-{number}"} for number in range(200)]


async def test_an_old_reply_is_not_taken_for_the_answer(service: AnsweringService) -> None:
    """The reply topic holds what earlier processes of this principal were told."""
    service.answer = lambda _: [ok(old=True)]
    async with Asker(service.credential) as first:
        await first.ask("token.requests", TYPE, {})
    async with Asker(service.credential) as second:
        service.answer = lambda _: [ok(old=False)]
        assert await second.ask("token.requests", TYPE, {}) == {"old": False}


async def test_two_processes_of_one_principal_do_not_take_each_others_answers(
    service: AnsweringService, asker: Asker
) -> None:
    service.answer = lambda question: [ok(you_asked=question.id)]
    async with Asker(service.credential) as other:
        answers = await asyncio.gather(
            asker.ask("token.requests", TYPE, {}, message_id="m-1"),
            other.ask("token.requests", TYPE, {}, message_id="m-2"),
        )
    assert list(answers) == [{"you_asked": "m-1"}, {"you_asked": "m-2"}]


@pytest.mark.parametrize(
    "altered",
    [
        pytest.param(with_fields(signature=None), id="unsigned"),
        pytest.param(signed_by(AUTH_RING.principal_key("mail-2", 1)), id="by another principal"),
        pytest.param(signed_by(AUTH_RING.service_key("refresher")), id="by a service's own key"),
        pytest.param(signed_by(SigningKey("mail-1", 1, "r1", bytes(32))), id="by a forger"),
        pytest.param(with_fields(value=b'{"ok":true,"result":{"evil":1}}'), id="altered after signing"),
        pytest.param(with_fields(correlation_id="other"), id="for another question"),
    ],
)
async def test_a_reply_that_is_not_signed_for_this_question_is_dropped(
    service: AnsweringService, asker: Asker, altered: object
) -> None:
    service.altered = altered  # type: ignore[assignment]
    service.answer = lambda _: [ok(evil=1)]
    with pytest.raises(NoReply):
        await asker.ask("token.requests", TYPE, {}, deadline=SOON)
    service.altered = lambda reply: reply
    assert await asker.ask("token.requests", TYPE, {}) == {"evil": 1}


@pytest.mark.parametrize(
    "altered",
    [
        pytest.param({"type": "grantkeeper.token.get.v1"}, id="a question"),
        pytest.param({"value": b"not json"}, id="no JSON"),
        pytest.param({"value": b"[]"}, id="no object"),
        pytest.param({"value": b"null"}, id="null"),
        pytest.param({"id": ""}, id="malformed"),
    ],
)
async def test_a_record_on_the_reply_topic_that_is_no_reply_does_not_stop_the_reader(
    service: AnsweringService, asker: Asker, altered: dict[str, object]
) -> None:
    def forged(reply: Envelope) -> Envelope:
        return signed_by(service.credential.signer())(with_fields(**altered)(reply))

    service.answer = lambda _: [ok(good=True)]
    service.altered = forged
    with pytest.raises(NoReply):
        await asker.ask("token.requests", TYPE, {}, deadline=SOON)
    service.altered = lambda reply: reply
    assert await asker.ask("token.requests", TYPE, {}) == {"good": True}


async def test_the_first_of_two_answers_counts(service: AnsweringService, asker: Asker) -> None:
    service.answer = lambda _: [ok(number=1), ok(number=2)]
    assert await asker.ask("token.requests", TYPE, {}) == {"number": 1}
    assert await asker.ask("token.requests", TYPE, {}) == {"number": 1}


async def test_an_unanswered_question_is_asked_again_as_the_same_bytes_at_the_next_partition(
    service: AnsweringService, asker: Asker
) -> None:
    service.answer = lambda _: [ok()] if len(service.taken) == 4 else []
    await asker.ask("token.requests", TYPE, {"config": "a"}, key=b"k")
    (first, question), *others = service.taken
    assert [partition for partition, _ in others] == [(first + 1) % 3, (first + 2) % 3, first]
    assert [again for _, again in others] == [question] * 3


async def test_a_retryable_error_is_asked_again_as_a_new_question(service: AnsweringService, asker: Asker) -> None:
    service.answer = lambda _: [
        failed("not_caught_up", retryable=True) if len(service.taken) < 3 else ok(caught_up=True)
    ]
    assert await asker.ask("token.requests", TYPE, {}, message_id="m-1") == {"caught_up": True}
    questions = [question for _, question in service.taken]
    assert len({question.id for question in questions}) == 3
    assert questions[0].id == "m-1"
    assert all(
        question.expirytime and question.expirytime <= questions[0].time + timedelta(seconds=11)
        for question in questions
    )


async def test_an_error_that_will_not_pass_is_raised_with_all_it_says(service: AnsweringService, asker: Asker) -> None:
    detail = {"field": "name", "line": 3, "problem": "taken", "cure": "choose another one"}
    service.answer = lambda _: [failed("name_taken", details=[detail], facts={"revision": 7})]
    with pytest.raises(ReplyError, match="name_taken: it is name_taken") as caught:
        await asker.ask("config.commands", "grantkeeper.config.create.v1", {})
    assert (caught.value.code, caught.value.retryable, caught.value.retry_after) == ("name_taken", False, None)
    assert (caught.value.details, caught.value.facts) == ((detail,), {"revision": 7})
    assert len(service.taken) == 1


async def test_a_retry_that_nobody_answers_any_more_ends_with_what_was_said_before(
    service: AnsweringService, asker: Asker
) -> None:
    service.answer = lambda _: [failed("not_caught_up", retryable=True)] if len(service.taken) == 1 else []
    with pytest.raises(ReplyError, match="not_caught_up"):
        await asker.ask("token.requests", TYPE, {}, deadline=timedelta(seconds=3))


async def test_a_retry_that_would_come_after_the_deadline_is_not_waited_for(
    service: AnsweringService, asker: Asker
) -> None:
    service.answer = lambda _: [failed("retry_later", retryable=True, retry_after=600)]
    async with asyncio.timeout(5):
        with pytest.raises(ReplyError) as caught:
            await asker.ask("token.requests", TYPE, {}, deadline=timedelta(seconds=60))
    assert caught.value.retry_after == 600


async def test_no_answer_says_where_to_look(asker: Asker) -> None:
    with pytest.raises(NoReply, match=r"no answer to grantkeeper\.token\.get\.v1.*dead letters"):
        await asker.ask("token.requests", TYPE, {}, deadline=SOON)


async def test_a_topic_that_is_not_there_is_named_and_not_made(
    service: AnsweringService, asker: Asker, kafka: "KafkaServer", prefix: str
) -> None:
    with pytest.raises(NoReply, match=f"no topic {prefix}other.commands"):
        await asker.ask("other.commands", TYPE, {}, deadline=SOON)
    async with AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers) as consumer:
        assert f"{prefix}other.commands" not in await consumer.topics()


async def test_data_that_no_broker_takes_is_refused_before_it_is_sent(asker: Asker) -> None:
    with pytest.raises(MalformedMessage, match="too_large"):
        await asker.ask("token.requests", TYPE, {"text": "x" * 2**20})


async def test_stopping_ends_open_questions(service: AnsweringService) -> None:
    asker = Asker(service.credential)
    await asker.start()
    asking = asyncio.create_task(asker.ask("token.requests", TYPE, {}, deadline=timedelta(seconds=60)))
    await wait_until(lambda: service.taken)
    await asker.stop()
    with pytest.raises(NoReply, match="stopped"):
        await asking


async def test_an_unregistered_principal_is_told_so(service: AnsweringService, monkeypatch: pytest.MonkeyPatch) -> None:
    from grantkeeper.crypto.credentials import mint
    from tests.integration.answering import VAULT_RING

    monkeypatch.setattr("grantkeeper_client._ask._START_DEADLINE", 1.0)
    stranger = mint(AUTH_RING, VAULT_RING, "mail-9", 1, service.credential.bootstrap_servers, service.credential.prefix)
    with pytest.raises(NoReply, match=r"no topic .*replies\.mail-9 yet: register the principal mail-9"):
        await Asker(stranger).start()


async def test_servers_that_are_not_there_are_named() -> None:
    from grantkeeper.crypto.credentials import mint
    from tests.integration.answering import VAULT_RING

    nobody = mint(AUTH_RING, VAULT_RING, "mail-1", 1, "127.0.0.1:1", "")
    with pytest.raises(NoReply, match=r"127\.0\.0\.1:1 cannot be used"):
        await Asker(nobody).start()
