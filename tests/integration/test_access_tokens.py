"""What a mail program gets from the library, against a real broker."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from grantkeeper_client import AccessToken, Grantkeeper, ReplyError, SealError
from tests.integration.answering import CONFIG_ID, AnsweringService, access_token, failed
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.servers import KafkaServer

NAME = "Support mailbox"


def in_(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.fixture
async def service(kafka: "KafkaServer", prefix: str) -> AsyncIterator[AnsweringService]:
    async with AnsweringService(kafka.bootstrap_servers, prefix).running() as running:
        running.answer = lambda question: [access_token(question, "planted-token", in_(3600))]
        yield running


@pytest.fixture
async def grantkeeper(service: AnsweringService) -> AsyncIterator[Grantkeeper]:
    async with Grantkeeper(service.credential) as running:
        yield running


async def test_an_access_token_comes_opened_with_what_a_login_needs(
    service: AnsweringService, grantkeeper: Grantkeeper
) -> None:
    token = await grantkeeper.get_access_token(NAME, min_validity=120)
    assert (token.value, token.config_id, token.generation) == ("planted-token", CONFIG_ID, 1)
    assert (token.user, token.mechanism, token.name) == ("support@example.com", "XOAUTH2", NAME)
    assert token.servers["imap"] == "imap.example.com:993"
    assert "planted-token" not in repr(token)
    assert service.asked == [{"config": NAME, "min_validity": 120}]


async def test_what_is_kept_is_not_asked_for_again(service: AnsweringService, grantkeeper: Grantkeeper) -> None:
    first = await grantkeeper.get_access_token(NAME)
    assert await grantkeeper.get_access_token(NAME) is first
    assert len(service.taken) == 1


async def test_what_nears_its_end_is_asked_for_again(service: AnsweringService, grantkeeper: Grantkeeper) -> None:
    service.answer = lambda question: [
        access_token(question, f"token-{len(service.taken)}", in_(100), len(service.taken))
    ]
    assert (await grantkeeper.get_access_token(NAME, min_validity=60)).value == "token-1"
    assert (await grantkeeper.get_access_token(NAME, min_validity=60)).value == "token-1"
    assert (await grantkeeper.get_access_token(NAME, min_validity=300)).value == "token-2"


async def test_many_callers_of_one_name_ask_once(service: AnsweringService, grantkeeper: Grantkeeper) -> None:
    tokens = await asyncio.gather(*(grantkeeper.get_access_token(NAME) for _ in range(50)))
    assert {token.value for token in tokens} == {"planted-token"}
    assert len(service.taken) == 1


async def test_a_caller_who_wants_it_longer_does_not_take_what_another_gets(
    service: AnsweringService, grantkeeper: Grantkeeper
) -> None:
    def answer(question: Any) -> list[Any]:
        seconds = 100 if len(service.taken) == 1 else 3600
        return [access_token(question, f"for {seconds} s", in_(seconds))]

    service.answer = answer
    short, long = await asyncio.gather(
        grantkeeper.get_access_token(NAME, min_validity=10), grantkeeper.get_access_token(NAME, min_validity=600)
    )
    assert (short.value, long.value) == ("for 100 s", "for 3600 s")


async def test_who_joined_gets_the_answer_when_who_asked_is_cancelled(
    service: AnsweringService, grantkeeper: Grantkeeper
) -> None:
    service.answer = lambda _: []
    first = asyncio.create_task(grantkeeper.get_access_token(NAME))
    await wait_until(lambda: service.taken)
    second = asyncio.create_task(grantkeeper.get_access_token(NAME))
    await asyncio.sleep(0)
    first.cancel()
    [(_, question)] = service.taken
    await service.reply(question, access_token(question, "planted-token", in_(3600)))
    assert (await second).value == "planted-token"
    assert first.cancelled()


async def test_an_answer_that_was_overtaken_does_not_replace_the_newer_access_token(
    service: AnsweringService, grantkeeper: Grantkeeper
) -> None:
    service.answer = lambda _: []
    late = asyncio.create_task(grantkeeper.get_access_token(NAME))
    await wait_until(lambda: service.taken)
    [(_, question)] = service.taken
    service.answer = lambda newer: [access_token(newer, "newer", in_(3600), 2)]
    assert (await grantkeeper.report_rejected(NAME, 1)).value == "newer"
    await service.reply(question, access_token(question, "rejected", in_(3000)))
    assert (await late).value == "rejected"
    assert (await grantkeeper.get_access_token(NAME)).value == "newer"


async def test_an_error_is_not_kept(service: AnsweringService, grantkeeper: Grantkeeper) -> None:
    service.answer = lambda _: [failed("reauthorization_required")]
    with pytest.raises(ReplyError, match="reauthorization_required"):
        await grantkeeper.get_access_token(NAME)
    service.answer = lambda question: [access_token(question, "planted-token", in_(3600))]
    assert (await grantkeeper.get_access_token(NAME)).value == "planted-token"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"config_id": "0199f7a0-0000-7000-8000-000000000002"}, "secret_bound_elsewhere"),
        ({"generation": 2}, "secret_bound_elsewhere"),
        ({"expires_at": "2099-01-01T00:00:00Z"}, "secret_bound_elsewhere"),
        ({"access_token": "planted-token"}, "secret_unreadable"),
        ({"access_token": None}, "secret_unreadable"),
        ({"expires_at": "tomorrow"}, "secret_unreadable"),
    ],
)
async def test_an_access_token_of_another_answer_is_never_used(
    service: AnsweringService, grantkeeper: Grantkeeper, changed: dict[str, Any], reason: str
) -> None:
    service.answer = lambda question: [access_token(question, "planted-token", in_(3600), changed=changed)]
    with pytest.raises(SealError, match=reason):
        await grantkeeper.get_access_token(NAME)


async def test_an_access_token_of_another_question_is_never_used(
    service: AnsweringService, grantkeeper: Grantkeeper
) -> None:
    """A reply recorded from the topic, signed and all, must not pass for a later answer."""
    first: list[Any] = []

    def answer(question: Any) -> list[Any]:
        first.append(question)
        return [access_token(first[0], "planted-token", in_(30))]

    service.answer = answer
    await grantkeeper.get_access_token(NAME)
    with pytest.raises(SealError, match="secret_bound_elsewhere"):
        await grantkeeper.get_access_token(NAME)


async def test_a_rejected_access_token_is_reported_and_forgotten(
    service: AnsweringService, grantkeeper: Grantkeeper
) -> None:
    rejected = await grantkeeper.get_access_token(NAME)
    service.answer = lambda question: [access_token(question, "fresh-token", in_(3600), 2)]
    fresh = await grantkeeper.report_rejected(NAME, rejected.generation)
    assert fresh.value == "fresh-token"
    assert service.taken[-1][1].type == "grantkeeper.token.report_rejected.v1"
    assert service.asked[-1] == {"config": NAME, "generation": 1}
    assert await grantkeeper.get_access_token(NAME) is fresh


async def test_a_rejected_token_is_not_served_again_when_the_report_fails(
    service: AnsweringService, grantkeeper: Grantkeeper
) -> None:
    rejected = await grantkeeper.get_access_token(NAME)
    service.answer = lambda _: [failed("generation_conflict")]
    with pytest.raises(ReplyError):
        await grantkeeper.report_rejected(NAME, rejected.generation)
    service.answer = lambda question: [access_token(question, "newer-token", in_(3600), 2)]
    newer: AccessToken = await grantkeeper.get_access_token(NAME)
    assert newer.value == "newer-token"
