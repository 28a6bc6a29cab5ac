"""Who may send: answered where the sender is known, before any handler sees the message."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from grantkeeper.bus.received import Place, Received
from grantkeeper.bus.topics import ensure_reply_topic
from grantkeeper_client import Envelope
from schemas.envelope import Message
from schemas.replies import ErrorBody
from schemas.token_requests import TokenGet
from schemas.topics import TOKEN_REQUESTS
from tests.integration.bus.installation import (
    SHAPES,
    TOPIC_OF,
    Installation,
    Shape,
    consuming,
    message,
    subscribe,
)
from tests.waiting import wait_until


async def answer(
    installation: Installation, shape: Shape, question: Envelope, principal: str = "admin", **gate: Any
) -> dict[str, Any]:
    """The reply to one question; a handled one is answered with {"handled": true}."""

    async def handle(messages: Sequence[Received]) -> None:
        for one in messages:
            await installation.replier.ok(one, {"handled": True})

    broker = installation.broker()
    subscribe(broker, shape, installation.gate(TOPIC_OF[shape], **gate), handle)
    async with consuming(broker):
        await installation.send(question)
        reply: dict[str, Any] = await wait_until(lambda: _reply(installation, principal, question))
        return reply


async def _reply(installation: Installation, principal: str, question: Envelope) -> dict[str, Any]:
    return (await installation.replies(principal)).get(question.correlation_id or question.id, {})


each_shape = pytest.mark.parametrize("shape", SHAPES)


@each_shape
async def test_a_registered_principal_is_handled(installation: Installation, shape: Shape) -> None:
    reply = await answer(installation, shape, installation.question(message(shape)))
    assert reply == {"ok": True, "result": {"handled": True}}


@each_shape
async def test_the_reply_carries_the_message_id_where_no_correlation_id_was_sent(
    installation: Installation, shape: Shape
) -> None:
    question = installation.question(message(shape), correlation_id=None)
    assert (await answer(installation, shape, question))["ok"]


@each_shape
async def test_an_unknown_principal_may_ask_again(installation: Installation, shape: Shape) -> None:
    """Its registration may just be on its way; its reply topic is made with that, so here it is there already."""
    await ensure_reply_topic(installation.settings, "newcomer")
    question = installation.question(message(shape), "newcomer")
    reply = await answer(installation, shape, question, "newcomer")
    assert reply["error"]["code"] == "not_caught_up"
    assert reply["error"]["retryable"] is True


@each_shape
@pytest.mark.parametrize(
    ("state", "version"), [({"disabled": True, "sequence": 2}, 1), ({"version": 2, "sequence": 2}, 1)]
)
async def test_a_disabled_principal_and_an_old_credential_are_refused(
    installation: Installation, shape: Shape, state: dict[str, Any], version: int
) -> None:
    await installation.registered("leaver")
    await installation.registered("leaver", **state)
    reply = await answer(installation, shape, installation.question(message(shape), "leaver", version), "leaver")
    assert (reply["error"]["code"], reply["error"]["retryable"]) == ("principal_disabled", False)


@each_shape
async def test_a_role_that_may_not_is_refused(installation: Installation, shape: Shape) -> None:
    await installation.registered("mail-1", "mail")
    reply = await answer(installation, shape, installation.question(message(shape), "mail-1"), "mail-1")
    assert reply["error"]["code"] == "not_permitted"


@each_shape
@pytest.mark.parametrize("until", [timedelta(seconds=-1), timedelta(minutes=11)])
async def test_a_message_out_of_its_time_is_refused(installation: Installation, shape: Shape, until: timedelta) -> None:
    question = installation.question(message(shape), expirytime=installation.now() + until)
    assert (await answer(installation, shape, question))["error"]["code"] == "deadline_exceeded"


@each_shape
async def test_a_service_that_keeps_replies_looks_at_the_deadline_itself(
    installation: Installation, shape: Shape
) -> None:
    question = installation.question(message(shape), expirytime=installation.now() - timedelta(seconds=1))
    assert (await answer(installation, shape, question, check_deadline=False))["ok"]


@each_shape
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"expirytime": None}, "malformed"),
        ({"value": b"not json, s3cr3t"}, "malformed"),
        ({"value": b'["s3cr3t"]'}, "malformed"),
        ({"value": None}, "malformed"),
        ({"value": b""}, "malformed"),
        ({"value": b'{"config":"x","client_secret":"s3cr3t"}'}, "invalid_field"),
        ({"value": b'{"config":{"s3cr3t":1}}'}, "invalid_field"),
        ({"type": "grantkeeper.made.up.v1"}, "unknown_type"),
    ],
)
async def test_a_known_sender_is_told_what_is_wrong_without_its_content(
    installation: Installation, shape: Shape, changed: dict[str, Any], code: str
) -> None:
    reply = await answer(installation, shape, installation.question(message(shape), **changed))
    assert reply["error"]["code"] == code
    assert "s3cr3t" not in str(reply)
    if code == "invalid_field":
        assert reply["error"]["details"][0]["field"] in {"client_secret", "config"}


@each_shape
async def test_a_topic_may_explain_a_misfit_in_its_own_words(installation: Installation, shape: Shape) -> None:
    seen: list[Place] = []

    def explain(_model: type[Message], value: bytes, place: Place) -> ErrorBody | None:
        seen.append(place)
        return ErrorBody(code="plain_secret", message="seal it") if b"plain" in value else None

    question = installation.question(message(shape), value=b'{"config":"x","client_secret":"plain"}')
    reply = await answer(installation, shape, question, explain=explain)
    assert reply["error"]["code"] == "plain_secret"
    assert seen == [Place(installation.settings.topic(TOPIC_OF[shape]), 0, 0)]


async def test_a_reply_to_a_topic_that_does_not_exist_holds_up_no_other(installation: Installation) -> None:
    stranger = installation.question(TokenGet(config="x"), "stranger")
    question = installation.question(message("stream"))
    await installation.send(stranger)
    assert (await answer(installation, "stream", question))["ok"]
    assert stranger.topic == installation.settings.topic(TOKEN_REQUESTS)
