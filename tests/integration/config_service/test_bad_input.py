"""What a sender can get wrong: one error that names field and cure, nothing stored, no secret repeated."""

import json
from typing import Any

import pytest

from grantkeeper_client import Asker, Envelope
from schemas.config_commands import ConfigGet, ConfigUpdate
from tests.integration.config_service.service import Service, ask

CONFIG_ID = "01900000-0000-7000-8000-000000000001"
CANARY = "hunter2-canary"


async def answer(service: Service, value: bytes) -> tuple[dict[str, Any], tuple[int, int]]:
    """Send any bytes as a `config.create`, and return the error and where the record lies."""
    command: Envelope = service.house.command(service.creation(), value=value)
    (place,) = await service.house.send(command)
    (reply,) = await service.house.answers_to(command)
    assert reply["ok"] is False
    assert CANARY not in json.dumps(reply)
    async with service.collection("token_configs") as configs:
        assert await configs.count_documents({}) == 0
    return reply["error"], place


def creation(service: Service, **changed: Any) -> bytes:
    data = json.loads(service.creation().model_dump_json(exclude_none=True))
    fields = {**data["fields"], **changed.pop("fields", {})}
    return json.dumps({**data, "fields": fields, **changed}).encode()


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"\xff\xfe", b'"text"', b"null"])
async def test_a_value_that_is_no_json_object_is_malformed(service: Service, value: bytes) -> None:
    error, _ = await answer(service, value)
    assert error["code"] == "malformed"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"fields": {"colour": "red"}}, "fields.colour"),
        ({"config_id": "not-a-uuid"}, "config_id"),
        ({"config_id": CONFIG_ID.replace("7000", "4000")}, "config_id"),
        ({"fields": {"name": "x" * 251}}, "fields.name"),
        ({"fields": {"name": 7}}, "fields.name"),
        ({"fields": {"name": ""}}, "fields.name"),
        ({"fields": {"validity": "perhaps"}}, "fields.validity"),
        ({"fields": {"scope": "x" * 4001}}, "fields.scope"),
        ({"fields": {"requests": {"Other": {}}}}, "fields.requests.Other.[key]"),
        ({"copy_of": CONFIG_ID}, None),
    ],
)
async def test_a_field_that_does_not_fit_is_named_with_its_cure(
    service: Service, changed: dict[str, Any], field: str | None
) -> None:
    error, _ = await answer(service, creation(service, **changed))
    assert error["code"] == "invalid_field"
    assert error["details"][0].get("field") == field
    assert error["details"][0]["cure"]


async def test_a_plain_secret_in_a_form_is_refused_with_its_place_and_cure(service: Service) -> None:
    error, (partition, offset) = await answer(service, creation(service, fields={"client_secret": CANARY}))
    assert error["code"] == "plain_secret"
    assert f"partition {partition}, offset {offset}" in error["message"]
    assert "Replace this secret at the provider" in error["details"][0]["cure"]


async def test_a_plain_secret_in_a_text_is_refused_with_its_place_and_cure(service: Service, admin: Asker) -> None:
    one = service.creation()
    await ask(admin, one)
    view = await ask(admin, ConfigGet(config=one.config_id))
    text = view["text"].replace(one.fields.client_secret, CANARY)
    command = service.house.command(ConfigUpdate(config_id=one.config_id, expected_revision=1, text=text))
    ((partition, offset),) = await service.house.send(command)
    (reply,) = await service.house.answers_to(command)
    error = reply["error"]
    assert (error["code"], CANARY in json.dumps(reply)) == ("plain_secret", False)
    assert f"partition {partition}, offset {offset}" in error["message"]
    assert error["details"][0]["line"]
    async with service.collection("token_configs") as configs, service.collection("commands") as inbox:
        assert CANARY not in repr([one async for one in configs.find()] + [row async for row in inbox.find()])


async def test_a_text_of_more_than_64_kib_is_refused(service: Service, admin: Asker) -> None:
    one = service.creation()
    await ask(admin, one)
    text = "# ü" + "ü" * 40_000
    command = service.house.command(ConfigUpdate(config_id=one.config_id, expected_revision=1, text=text))
    await service.house.send(command)
    (reply,) = await service.house.answers_to(command)
    assert reply["error"]["code"] == "invalid_field"
    assert "65536 bytes" in reply["error"]["message"]


async def test_an_unknown_type_is_answered_with_those_there_are(service: Service) -> None:
    command = service.house.command(service.creation(), type="grantkeeper.config.explode.v1")
    await service.house.send(command)
    (reply,) = await service.house.answers_to(command)
    assert reply["error"]["code"] == "unknown_type"
    assert "grantkeeper.config.create.v1" in reply["error"]["message"]
