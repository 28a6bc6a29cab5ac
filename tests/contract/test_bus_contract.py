"""What outsiders build on: the generated contract is committed, true, and complete."""

import base64
import hmac
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from grantkeeper_client import SigningKey, decode, verify
from schemas import asyncapi, generate, samples
from schemas.envelope import Message
from schemas.reasons import DEAD_LETTER_REASONS, ERROR_CODES
from schemas.replies import Reply
from schemas.results import RESULTS
from schemas.topics import TOPICS
from tests.conftest import ENVIRONMENT, part_missing
from tests.partners import node

MODELS = sorted(Message.MESSAGES.values(), key=lambda model: model.TYPE)
CHECK = Path(node.__file__).parent / "check_asyncapi.mjs"


def read(path: str) -> Any:
    return json.loads((generate.FOLDER / path).read_text())


def test_the_committed_contract_is_what_the_schemas_say() -> None:
    """After a change of a model: make contract, look at the difference, commit it."""
    committed = {str(path.relative_to(generate.FOLDER)) for path in generate.FOLDER.rglob("*") if path.is_file()}
    wanted = generate.files()
    assert committed == set(wanted)
    different = [path for path, text in wanted.items() if (generate.FOLDER / path).read_text() != text]
    assert different == [], "run make contract"


def test_every_message_and_every_result_has_a_golden_sample() -> None:
    assert {type(one) for one in samples.MESSAGES} == set(MODELS)
    assert {type(one) for one in samples.RESULTS} == set(RESULTS.values())


def test_every_topic_has_messages_and_every_message_a_topic() -> None:
    assert {model.TOPIC for model in MODELS} == {*TOPICS, "replies"}


def test_the_table_of_topics_names_the_roles_whose_messages_a_topic_takes() -> None:
    for topic in TOPICS.values():
        roles = {role for model in MODELS if topic.name == model.TOPIC for role in model.ROLES}
        named = [re.findall(r"mail|viewer|admin", sender) for sender in topic.senders if "role" in sender]
        assert roles == {role for roles_of_one in named for role in roles_of_one}, topic.name


def test_the_table_of_results_says_what_the_docstrings_say() -> None:
    for model, result in RESULTS.items():
        named = re.search(r"Result: (as )?(\w+)\.", model.__doc__ or "")
        assert named is not None, model
        expected = "AccessTokenView" if named[1] else named[2]
        assert expected == result.__name__, model
    asked = {model for model in MODELS if model.ROLES}
    assert asked == set(RESULTS), "every command and request is answered"


def schemas_and_samples() -> list[tuple[str, str, type[BaseModel]]]:
    messages = [(f"json-schema/{m.TYPE}.json", f"samples/{m.TYPE}.json", m) for m in MODELS]
    names = sorted(set(RESULTS.values()), key=lambda result: result.__name__)
    results = [(f"json-schema/results/{r.__name__}.json", f"samples/results/{r.__name__}.json", r) for r in names]
    refusal = (f"json-schema/{Reply.TYPE}.json", f"samples/{Reply.TYPE}.refusal.json", Reply)
    return [*messages, refusal, *results]


@pytest.mark.parametrize(("schema", "sample", "model"), schemas_and_samples())
def test_each_sample_fits_its_json_schema_and_its_model(schema: str, sample: str, model: type[BaseModel]) -> None:
    document = read(schema)
    Draft202012Validator.check_schema(document)
    value = read(sample) if "results/" in sample else read(sample)["value"]
    Draft202012Validator(document, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)
    parsed = model.model_validate_json(json.dumps(value))
    assert json.loads(parsed.model_dump_json(exclude_none=model is Reply)) == value
    is_sent = model in RESULTS
    takes_more = Draft202012Validator(document).is_valid({**value, "made_up": 1})
    assert takes_more is not is_sent, "unknown fields are refused in commands and requests, passed over in all else"


@pytest.mark.parametrize("model", MODELS)
def test_the_asyncapi_document_takes_what_the_json_schema_takes(model: type[Message]) -> None:
    document = read("asyncapi.json")
    schema = {**document["components"]["schemas"][model.__name__], "components": document["components"]}
    value = read(f"samples/{model.TYPE}.json")["value"]
    assert Draft202012Validator(schema).is_valid(value)
    assert Draft202012Validator(schema).is_valid({**value, "made_up": 1}) is (model not in RESULTS)


def test_a_part_of_commands_and_events_is_strict_in_the_one_and_open_in_the_other() -> None:
    document = read("asyncapi.json")
    parts = document["components"]["schemas"]
    event = {**parts["ConfigChanged"], "components": document["components"]}
    value = read("samples/grantkeeper.config.changed.v1.json")["value"]
    value["config"]["options"] |= {"made_up": 1}
    Draft202012Validator(event).validate(value)
    command = {**parts["ConfigUpdate"], "components": document["components"]}
    edit = {"config_id": samples.CONFIG_ID, "expected_revision": 1, "fields": {"options": {"made_up": 1}}}
    assert not Draft202012Validator(command).is_valid(edit)


@pytest.mark.parametrize("model", MODELS)
def test_each_sample_travels_as_the_codec_wants_it(model: type[Message]) -> None:
    sample = read(f"samples/{model.TYPE}.json")
    headers = [(name, value.encode()) for name, value in sample["headers"].items()]
    envelope = decode(sample["topic"], b"k", json.dumps(sample["value"]).encode(), headers)
    assert envelope.type == model.TYPE
    schema = asyncapi.HEADERS[asyncapi.headers_of(model)]
    signed = {**sample["headers"], "signature": read("signature.json")["headers"]["signature"]}
    Draft202012Validator(schema).validate(signed)


def test_the_signed_sample_verifies_and_can_be_computed_from_its_own_description() -> None:
    sample = read("signature.json")
    headers = sample["headers"]
    envelope = decode(
        sample["topic"], sample["key"].encode(), sample["value"].encode(), [(n, v.encode()) for n, v in headers.items()]
    )
    secret = bytes.fromhex(sample["secret"])
    assert verify(envelope, SigningKey("mail-1", 1, "r1", secret))
    fields = {
        "topic": sample["topic"],
        "key": sample["key"],
        "value": sample["value"],
        "correlation_id": headers["correlation_id"],
        **{name.removeprefix("ce_"): value for name, value in headers.items() if name.startswith("ce_")},
    }
    message = b""
    for name in sample["order"]:
        field = fields[name].encode()
        message += len(field).to_bytes(8, "big") + field
    version, signer, number, ring, mac = headers["signature"].split(";")
    assert (version, signer, number, ring) == ("v1", "mail-1", "1", "r1")
    assert base64.urlsafe_b64decode(mac + "=") == hmac.digest(secret, message, "sha256")


def test_each_service_has_its_operations() -> None:
    operations = asyncapi.document()["operations"]
    assert {name for name in operations if name.startswith("refresher.")} == {
        "refresher.send.token.events",
        "refresher.send.expiry.events",
        "refresher.send.dead-letters",
        "refresher.receive.config.events",
        "refresher.receive.principals",
        "refresher.receive.token.requests",
    }
    assert operations["refresher.receive.token.requests"]["reply"]["channel"] == {"$ref": "#/channels/replies"}
    assert "reply" not in operations["refresher.receive.config.events"]


@pytest.mark.parametrize("unsafe", [".subscriber(", "publish_batch", "max_workers", "AckPolicy", "enable_auto_commit"])
def test_how_messages_are_consumed_is_decided_in_one_room(unsafe: str) -> None:
    root = Path(asyncapi.__file__).parents[1]
    sources = [path for room in ("services", "grantkeeper", "devstack") for path in (root / room).rglob("*.py")]
    found = {path.relative_to(root).parts[:2] for path in sources if unsafe in path.read_text()}
    assert found <= {("grantkeeper", "bus")}


def test_words_that_outsiders_key_on_only_ever_grow() -> None:
    """Removing or renaming one breaks whoever keyed on it: then the type's version must rise."""
    assert {
        "malformed_envelope", "malformed_signature", "unsigned", "unknown_ring", "wrong_signature", "wrong_sender",
        "unknown_type", "malformed_value", "too_large", "handler_failed",
    } <= set(DEAD_LETTER_REASONS)  # fmt: skip
    assert {
        "not_caught_up", "principal_disabled", "not_permitted", "deadline_exceeded", "id_reused", "malformed",
        "unknown_type", "invalid_field", "plain_secret", "not_found", "name_taken", "revision_conflict",
        "generation_conflict", "off", "not_authorized", "reauthorization_required", "revoked", "client_fault",
        "retry_later", "stopped", "internal_error",
    } <= set(ERROR_CODES)  # fmt: skip


def test_the_asyncapi_document_is_valid_to_its_own_parser(request: pytest.FixtureRequest) -> None:
    from devstack.errors import PartMissing

    try:
        found = node.find_node()
        node.install_partners(found, ENVIRONMENT)
    except PartMissing as missing:
        part_missing(request.config, str(missing))
    document = generate.FOLDER / "asyncapi.json"
    checked = subprocess.run([found.node, str(CHECK), str(document)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert json.loads(checked.stdout) == {"channels": len(TOPICS) + 1, "messages": len(MODELS), "problems": []}
